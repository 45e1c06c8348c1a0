"""`yichuang servers`: the file a NATS server of the large form is started with."""

import argparse
import asyncio
from pathlib import Path

from yichuang.embedded.nats import ServerTls, users
from yichuang.links import refuse_plain
from yichuang.log_lines import secrets_of, set_up_lines
from yichuang.nats_users import ServerAway, UserList, reread
from yichuang.settings import Settings
from yichuang.terminal import complain, say

HELP = "写出 NATS 的配置和各用户的密钥 (write the NATS configuration and the users' seeds)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, help="写到哪里 (file to write)")
    parser.add_argument("--listen", default="0.0.0.0:4222", help="监听 (host:port)")
    parser.add_argument("--tls-certificate", type=Path, help="服务器证书 (PEM)")
    parser.add_argument("--tls-key", type=Path, help="其私钥 (PEM)")
    parser.add_argument("--monitor", default="", help="健康检查的地址，只用本机 (host:port)")
    parser.add_argument("--store", type=Path, default=Path("/data"), help="存储目录 (its folder)")

    orders = parser.add_mutually_exclusive_group()
    orders.add_argument("--reload", action="store_true", help="写后让 NATS 重读 (and reread)")
    orders.add_argument(
        "--watch", action="store_true", help="一直看着账号，有变动即写、即让 NATS 重读 (keep at it)"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write the file, making missing seeds; existing seeds stay. Return 1 when NATS is away."""
    shown = args.tls_certificate and args.tls_key
    tls = ServerTls(args.tls_certificate, args.tls_key) if shown else None
    kept = UserList(settings, args.listen, args.store, args.config, tls, args.monitor)
    if args.watch:
        refuse_plain(settings)
        set_up_lines(settings.log_level, secrets_of(settings))
        asyncio.run(kept.run())
        return 0
    kept.write()
    if args.reload:
        try:
            count = asyncio.run(reread(settings))
        except ServerAway as away:
            complain(str(away))
            return 1
        say(f"{count} 个 NATS 服务器已重读用户名单")
    path = args.config
    names = "、".join(user.name for user in users(settings))
    say(f"已写 {path}；用户 {names}；密钥在 {settings.nats_seed('admin').parent}")
    return 0
