// The server's own page in Chromium, two tabs and more.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { address, assert, load, order, run } from "./common.mjs";

const { chromium } = load("playwright-core");
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const timeout = 60_000; // The page's own intervals are seconds.

run(async () => {
  const profile = mkdtempSync(join(tmpdir(), "heartline-page-"));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM, headless: true, args: flags, viewport: { width: 1000, height: 700 },
  });
  try {
    await talk(browser);
  } finally {
    await browser.close();
    rmSync(profile, { recursive: true, force: true });
  }
});

async function talk(browser) {
  const errors = [];
  const open = async (name) => {
    const page = await browser.newPage();
    page.setDefaultTimeout(timeout);
    page.on("pageerror", (error) => errors.push(error));
    await page.goto(`http://${address}/`);
    await page.waitForSelector("#name:focus"); // Without a click.
    await page.keyboard.type(name);
    await page.keyboard.press("Enter");
    await is(page, "connected");
    return page;
  };
  const is = (page, state) => page.waitForSelector(`body[data-state="${state}"]`);
  const write = async (page, to, text) => {
    await page.getByRole("radio", { name: to, exact: true }).focus();
    await page.keyboard.press("Space");
    await page.getByRole("textbox", { name: "Message" }).focus();
    await page.keyboard.type(text);
    await page.keyboard.press("Enter");
  };
  const line = (page, text) => page.locator("#log li", { hasText: text }).waitFor();
  const places = (page) => page.evaluate(() => ["h1", "#pill", "#act", "#people", "#log", "#compose"].map((what) => {
    const { x, y, width, height } = document.querySelector(what).getBoundingClientRect();
    return [what, x, y, width, height];
  }));

  const ann = await open("ann"), bob = await open("bob");
  const connected = await places(ann);
  await write(ann, "bob", "hello bob");
  await line(bob, "hello bobann to you");
  await line(ann, "hello bobto bob: delivered");
  await write(bob, "ann", "<b>hello</b> ann");
  await line(ann, "<b>hello</b> annbob to you");
  await write(bob, "Everybody", "all of you");
  await line(ann, "all of youbob to everybody");

  // Rooms are heard by those in them.
  for (const page of [ann, bob]) {
    await page.getByRole("textbox", { name: "Room" }).fill("btc");
    await page.keyboard.press("Enter");
    await page.getByRole("radio", { name: "#btc", exact: true }).waitFor({ state: "attached" });
  }
  await write(ann, "#btc", "it is up");
  await line(bob, "it is upann to #btc");
  await line(ann, "it is upto #btc: delivered");

  // The page reports a bad network before it gives the connection up, and then a good one.
  await order("pause");
  await write(ann, "bob", "am I late?");
  await Promise.all([is(ann, "bad"), is(bob, "bad")]);
  assert.match(await ann.locator("#status").textContent(), /^network is bad/);
  assert.deepEqual(await places(ann), connected);
  await order("resume");
  await Promise.all([is(ann, "connected"), is(bob, "connected")]);
  await line(bob, "am I late?ann to you");

  // The server is gone, which is counted down, and comes back; what was written meanwhile is sent.
  for (const end of ["crash", "stop"]) {
    await order(end);
    await is(ann, "waiting");
    assert.match(await ann.locator("#pill").textContent(), /^disconnected, reconnecting in \d+ s$/);
    assert.deepEqual(await places(ann), connected);
    await write(ann, "Everybody", `written after a ${end}`);
    await order("start");
    await Promise.all([is(ann, "connected"), is(bob, "connected")]);
    await line(ann, `written after a ${end}to everybody: `);
    await write(bob, "#btc", `back in the room after a ${end}`);
    await line(ann, `back in the room after a ${end}bob to #btc`);
  }

  // A newer login is final for the older tab, until its user wants it back.
  const newer = await open("ann");
  await is(ann, "superseded");
  assert.deepEqual(await places(ann), connected);
  await ann.getByRole("button", { name: "Log in here" }).click();
  await is(newer, "superseded");
  await is(ann, "connected");
  await line(bob, "hello bob");
  await bob.getByRole("radio", { name: "ann", exact: true }).waitFor({ state: "attached" });

  for (const width of [360, 500, 720]) {
    await ann.setViewportSize({ width, height: 640 });
    const [inner, outer] = await ann.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(inner <= outer, `${inner} pixels in a window of ${outer}`);
    const hidden = await ann.evaluate(() => { const { scrollWidth, clientWidth } = document.querySelector("#pill span"); return scrollWidth > clientWidth; });
    assert.equal(hidden, false);
  }
  await ann.getByRole("button", { name: "Log out" }).click();
  await is(ann, "out");
  await ann.locator("#name").fill("system"); // A name that nobody may have.
  await ann.keyboard.press("Enter");
  await is(ann, "ended");
  assert.match(await ann.locator("#status").textContent(), /reserved/);
  await ann.getByRole("button", { name: "Log in again" }).click();
  await is(ann, "out");
  await ann.locator("#name").fill("ann");
  // The close of the old socket comes late, and is not the new one's.
  await ann.keyboard.type("-marie");
  await ann.keyboard.press("Enter");
  await is(ann, "connected");
  await write(bob, "ann-marie", "hello again");
  await line(ann, "hello againbob to you");
  await is(ann, "connected");
  assert.deepEqual(errors, []);
}
