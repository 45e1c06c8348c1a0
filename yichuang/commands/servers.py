"""`yichuang servers`: the file a NATS server of the large form is started with."""

import argparse
from pathlib import Path

from yichuang.embedded.nats import ServerTls, users, write_configuration
from yichuang.settings import Settings
from yichuang.terminal import say

HELP = "写出 NATS 的配置和各用户的密钥 (write the NATS configuration and the users' seeds)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, help="写到哪里 (file to write)")
    parser.add_argument("--listen", default="0.0.0.0:4222", help="监听 (host:port)")
    parser.add_argument("--tls-certificate", type=Path, help="服务器证书 (PEM)")
    parser.add_argument("--tls-key", type=Path, help="其私钥 (PEM)")
    parser.add_argument("--monitor", default="", help="健康检查的地址，只用本机 (host:port)")
    parser.add_argument("--store", type=Path, default=Path("/data"), help="存储目录 (its folder)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write the file, making missing seeds; existing seeds stay."""
    shown = args.tls_certificate and args.tls_key
    path = write_configuration(
        settings,
        listen=args.listen,
        store=args.store,
        path=args.config,
        tls=ServerTls(args.tls_certificate, args.tls_key) if shown else None,
        monitor=args.monitor,
    )
    names = "、".join(user.name for user in users(settings))
    say(f"已写 {path}；用户 {names}；密钥在 {settings.nats_seed('admin').parent}")
    return 0
