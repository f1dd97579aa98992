// How the bytes of a file come: by streams of the browser's, several chunks at a time.
import { truncateSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { analyse, download, give, onDisk, scoreByProgram, someFlows, start, text } from "../journeys.ts";

/** So many megabytes at least, of the same flows again and again. */
function manyFlows(megabytes: number): string {
  const [header, ...flows] = someFlows().trimEnd().split("\n");
  const once = `${flows.join("\n")}\n`;
  return `${header}\n${once.repeat(Math.ceil((megabytes * 2 ** 20) / once.length))}`;
}

/** Runs something in each worker before its own script; those after the first wait for `others`. */
async function first(page: Page, script: string, others: Promise<void> = Promise.resolve()) {
  let asked = 0;
  await page.route(/\/worker_loader\.js\?/, async (route) => {
    if (++asked > 1) await others;
    const response = await route.fetch();
    await route.fulfill({ response, body: `${script}\n${await response.text()}` });
  });
}

/** In a worker: what Chromium is known by is gone, what is lent to it and what it says through ports is counted. */
const unlikeChromium = `
  delete WorkerNavigator.prototype.userAgentData;
  Object.assign(self, { lent: 0, said: 0 });
  self.addEventListener("message", ({ data }) => { if (data?.[0] === "lend") self.lent++; });
  const { postMessage } = MessagePort.prototype;
  MessagePort.prototype.postMessage = function (...message) { self.said++; return postMessage.apply(this, message); };
`;

/** What was lent to the one worker that the first was given, and what it has said. */
async function ofHand(page: Page): Promise<{ lent: number; said: number }> {
  const all = await Promise.all(page.workers().map((worker) => worker.evaluate("({ name: self.name, lent, said })")));
  return (all as { name: string; lent: number; said: number }[]).find(({ name }) => name === "given")!;
}

test("where a browser cannot fill memory of ours, its own is read", async ({ page }) => {
  await first(page, "delete self.ReadableStreamBYOBReader;");
  await start(page);
  for (const worker of page.workers()) expect(await worker.evaluate("typeof ReadableStreamBYOBReader")).toBe("undefined");
  const file = onDisk("flows.csv", manyFlows(10));
  await analyse(page, file);
  expect((await download(page)).equals(scoreByProgram(file))).toBe(true);
});

test("where ports do not take Blobs, files are lent by way of the page and bytes come back", async ({ page }) => {
  await first(page, unlikeChromium);
  await page.goto("./?workers=2");
  await expect.poll(() => page.workers().length).toBe(2);
  await page.waitForLoadState("networkidle");
  const file = onDisk("flows.csv", manyFlows(30));
  await analyse(page, file);
  expect((await download(page)).equals(scoreByProgram(file))).toBe(true);
  const { lent, said } = await ofHand(page);
  expect(lent).toBe(1);
  // That it can hear, and its answers.
  expect(said).toBeGreaterThan(2);
});

test("a worker that starts after a file was opened takes part all the same", async ({ page }) => {
  let release = () => {};
  await first(page, unlikeChromium, new Promise((resolve) => (release = resolve)));
  await page.goto("./?workers=2");
  const file = onDisk("flows.csv", manyFlows(30));
  await analyse(page, file);
  release();
  await expect.poll(async () => (await ofHand(page).catch(() => undefined))?.lent, { timeout: 60_000 }).toBe(1);
  expect((await download(page)).equals(scoreByProgram(file))).toBe(true);
  expect((await ofHand(page)).said).toBeGreaterThan(2);
});

test("where only one worker can start, it does everything", async ({ page, requests, allowed, complaints }) => {
  allowed.push(/no room/);
  await first(page, 'if (self.name === "given") throw new Error("no room");');
  const started = () => requests.filter((url) => url.includes("/worker_loader.js")).length;
  await page.goto("./?workers=3");
  await expect.poll(started).toBe(3);
  // Those that could not are kept no longer.
  await expect.poll(() => page.workers().length).toBe(1);
  const file = onDisk("flows.csv", manyFlows(10));
  await analyse(page, file);
  expect((await download(page)).equals(scoreByProgram(file))).toBe(true);
  await expect(page.getByRole("alert")).toBeEmpty();
  expect(complaints).not.toEqual([]);
  // None was replaced.
  expect(started()).toBe(3);
});

test("a file that is cut short while it is read is said so, and another can be given", async ({ page }) => {
  await start(page);
  const file = onDisk("flows.csv", manyFlows(60));
  await give(page, file);
  truncateSync(file, 10 * 2 ** 20);
  await expect(page.getByRole("alert")).toContainText("The file can no longer be read; it may have been changed or moved");
  await analyse(page, text("flows.csv", someFlows()));
  await expect(page.getByRole("alert")).toBeEmpty();
});
