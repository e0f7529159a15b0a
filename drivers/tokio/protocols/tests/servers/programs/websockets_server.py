import asyncio
import signal
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

port, ledger = sys.argv[1:]


async def note(socket):
    try:
        async for message in socket:
            number, label = message.split()
            with open(ledger, "a") as file:
                print(label, file=file)
            await socket.send(f"ok {number}")
    except ConnectionClosed:
        pass


async def main():
    terminated = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    async with serve(note, "127.0.0.1", int(port)):
        await terminated.wait()


asyncio.run(main())
