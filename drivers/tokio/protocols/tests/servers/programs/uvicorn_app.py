import os


async def app(scope, receive, send):
    assert scope["type"] == "websocket"
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        number, label = event["text"].split()
        with open(os.environ["LEDGER"], "a") as file:
            print(label, file=file)
        await send({"type": "websocket.send", "text": f"ok {number}"})
