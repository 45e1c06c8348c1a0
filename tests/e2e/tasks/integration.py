"""系统对接: what a system sent and could not be taken is put right and sent on."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.chaos.city import City
from tests.chaos.scripts import FOOD_FORM, FOOD_PAPERS, filing
from tests.e2e.office import PORTAL, Office, task
from yichuang.orders import order_event
from yichuang.publishing import publish_whole
from yichuang.subjects import OrderSubject


def sent_over_the_bus(city: City, verb: str, data: dict[str, Any]) -> None:
    """Order something as the department's system does."""
    named = city.settings.city
    subject = str(OrderSubject(named, "scjg", PORTAL, verb))
    event = order_event(named, verb, data, source="/tests/portal")

    async def send() -> None:
        bus = await city.bus(PORTAL)
        try:
            await publish_whole(bus, [(subject, event.to_json())])
        finally:
            await bus.close()

    # The browser's driver has the loop of this thread.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(lambda: asyncio.run(send())).result()


@task("intake_operator")
def a_message_that_could_not_be_taken_was_put_right_and_sent_on(office: Office) -> None:
    shop = office.named("报文小馆")
    body = filing("food-operation", FOOD_FORM, FOOD_PAPERS)
    body["applicant"] = {**body["applicant"], "name": shop, "colour": "red"}
    sent_over_the_bus(office.city, "file", {"reference": shop, "body": body})

    hands = office.desk("jiekou")
    hands.follow("死信处理")
    for _ in range(60):
        if hands.can("link", "20"):
            break
        hands.page.wait_for_timeout(500)
        hands.follow("死信处理")
    hands.follow("20", beside="colour")
    hands.see("data.body.applicant.colour")
    message = json.loads(hands.value("报文"))
    del message["data"]["body"]["applicant"]["colour"]
    hands.fill("报文", json.dumps(message, ensure_ascii=False, indent=2))
    hands.press("按上面的内容重放")
    for _ in range(60):
        hands.follow("返回列表")
        hands.follow("已重放")
        if hands.can("link", "20"):
            break
        hands.page.wait_for_timeout(500)
    hands.follow("20", beside="colour")
    for _ in range(60):
        if hands.page.get_by_text("已办理", exact=True).is_visible():
            break
        hands.page.wait_for_timeout(500)
        hands.page.reload()
    hands.see("办件编号")
    clerk = office.desk("shichang1")
    clerk.search(shop)
    clerk.see(shop)
