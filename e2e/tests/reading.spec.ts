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

/** Runs something in each worker before its own script. */
async function first(page: Page, script: string) {
  await page.route(/\/worker_loader\.js\?/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${script}\n${await response.text()}` });
  });
}

for (const [title, what] of [
  ["where a browser cannot fill memory of ours, its own is read", "self.ReadableStreamBYOBReader"],
  ["where workers cannot give each other Blobs, they give bytes", "WorkerNavigator.prototype.userAgentData"],
] as const) {
  test(title, async ({ page }) => {
    await first(page, `delete ${what};`);
    await page.goto("./?workers=2");
    await expect.poll(() => page.workers().length).toBe(2);
    for (const worker of page.workers()) expect(await worker.evaluate(`typeof ${what}`)).toBe("undefined");
    const file = onDisk("flows.csv", manyFlows(10));
    await analyse(page, file);
    expect((await download(page)).equals(scoreByProgram(file))).toBe(true);
  });
}

test("where only one worker can start, it does everything", async ({ page, allowed, complaints }) => {
  allowed.push(/no room/);
  await first(page, 'if (self.name === "given") throw new Error("no room");');
  await page.goto("./?workers=3");
  await expect.poll(() => page.workers().length).toBe(3);
  const file = onDisk("flows.csv", manyFlows(10));
  await analyse(page, file);
  expect((await download(page)).equals(scoreByProgram(file))).toBe(true);
  await expect(page.getByRole("alert")).toBeEmpty();
  expect(complaints).not.toEqual([]);
  expect(page.workers()).toHaveLength(3);
});

test("a worker that starts late takes part all the same", async ({ page }) => {
  const late = 'if (self.name === "given") for (const end = Date.now() + 3000; Date.now() < end; );';
  // Where files are lent by way of the page, it keeps them until somebody hears.
  await first(page, `delete WorkerNavigator.prototype.userAgentData; ${late}`);
  await page.goto("./?workers=2");
  await expect.poll(() => page.workers().length).toBe(2);
  const file = onDisk("flows.csv", manyFlows(10));
  await analyse(page, file);
  for (const worker of page.workers()) await worker.evaluate("wasm_bindgen()");
  // The chunks that it writes are of a file that was opened before it could hear.
  expect((await download(page)).equals(scoreByProgram(file))).toBe(true);
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
