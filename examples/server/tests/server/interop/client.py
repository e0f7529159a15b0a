"""Python's websockets against the server."""

import asyncio
import json
import sys
from urllib.parse import urlencode
from urllib.request import urlopen

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

ADDRESS = sys.argv[1]
URI = f"ws://{ADDRESS}/ws"


async def order(what):
    print(f"order {what}", flush=True)
    answer = await asyncio.to_thread(sys.stdin.readline)
    assert answer == "done\n", answer


async def send(socket, **event):
    await socket.send(json.dumps(event))


async def receive(socket):
    return json.loads(await socket.recv())


async def token(user):
    form = urlencode({"user": user}).encode()
    return await asyncio.to_thread(lambda: urlopen(f"http://{ADDRESS}/token", form).read().decode())


async def login(user):
    socket = await connect(URI)
    await send(socket, event="login", token=await token(user))
    assert await receive(socket) == {"event": "open", "msg": "ok", "user": user}
    return socket


async def closed(socket):
    try:
        while True:
            await socket.recv()
    except ConnectionClosed as end:
        return end.rcvd.code if end.rcvd else 1006


async def main():
    ann, bob = await login("ann"), await login("bob")

    await send(ann, event="heart")
    assert await receive(ann) == {"event": "heart"}
    await (await ann.ping())

    await send(ann, event="send", to="bob", text="héllo", id=1)
    assert await receive(bob) == {"event": "text", "from": "ann", "text": "héllo", "id": 1}
    assert await receive(ann) == {"event": "sent", "id": 1, "reached": 1}
    await send(bob, event="send", to="ann", text="hi")
    assert (await receive(ann))["from"] == "bob"
    await send(ann, event="send", to="eve", text="?")
    assert await receive(ann) == {"event": "offline", "to_user": "eve"}
    await ann.send("{")
    assert (await receive(ann))["msg"] == "event cannot be handled"

    newer = await login("bob")
    assert await closed(bob) == 4409
    await newer.send(b"binary")
    assert await closed(newer) == 1003
    bad = await login("bob")
    bad.transport.write(b"\x83\x80\0\0\0\0")  # A reserved opcode.
    assert await closed(bad) == 1002
    try:
        await connect(URI, origin="http://evil.example")
    except InvalidStatus as refused:
        assert refused.response.status_code == 403
    else:
        raise AssertionError("a foreign origin was admitted")

    # The library's own way to come back: after a restart, then after a crash.
    ends = ["stop", "crash"]
    async for socket in connect(URI, additional_headers={"Authorization": f"Bearer {await token('carl')}"}):
        try:
            assert (await receive(socket))["event"] == "open"
            if not ends:
                break
            await order(ends.pop(0))
            await order("start")
            await socket.recv()
        except ConnectionClosed:
            continue
    print("passed")


asyncio.run(asyncio.wait_for(main(), 120))
