// The page as it starts: under a sub-path, alone on the network, guarded by its policy, readable by everyone.
import { expect, test } from "../fixtures.ts";
import { faults, give, headline, madeUp, text } from "../journeys.ts";

test("the page starts under a sub-path and says what it is", async ({ page }) => {
  await page.goto("./");
  await expect(page.getByRole("heading", { name: "Oddflow", level: 1 })).toBeVisible();
  await expect(page.locator("#start-state")).toHaveCount(0);
});

test("the worker starts, and its hands run the program that was compiled for it", async ({ page, requests }) => {
  await page.goto("./?workers=3");
  await expect.poll(() => page.workers().length).toBe(3);
  const loaded = new Set(page.workers().map((worker) => new URL(worker.url()).pathname));
  expect([...loaded]).toEqual(["/some/sub-path/worker_loader.js"]);
  for (const worker of page.workers()) {
    await expect.poll(() => worker.evaluate("typeof wasm_bindgen")).toBe("function");
    // A second call of what loads the program waits for it, and gives what it exports.
    expect(await worker.evaluate("wasm_bindgen().then(({ memory }) => memory.buffer.byteLength)")).toBeGreaterThan(0);
  }
  const programs = requests.filter((url) => url.includes("/worker_bg.wasm"));
  expect(programs).toEqual([expect.stringContaining("?build=")]);
});

test("a file is read before the model packs have come, and judged by them all the same", async ({ page }) => {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route(/\/models\//, (route) => released.then(() => route.continue()));
  await page.goto("./");
  await give(page, text("flows.csv", madeUp("nsl-kdd", 2000)));
  const brief = page.getByRole("list", { name: "File in brief" });
  await expect(brief).toContainText("2,000");
  await expect(page.getByRole("progressbar")).toBeVisible();
  await expect(headline(page)).toHaveCount(0);
  release();
  await expect(headline(page)).toBeVisible();
  await expect(page.getByText(/model pack nsl-kdd/).first()).toBeVisible();
});

test("nothing is asked of any other host", async ({ page, requests, baseURL }) => {
  await page.goto("./");
  await page.waitForLoadState("networkidle");
  expect(requests.length).toBeGreaterThan(3);
  expect(requests.filter((url) => !url.startsWith(baseURL!))).toEqual([]);
});

test("the policy forbids inline scripts, other hosts and forms", async ({ page, allowed, complaints }) => {
  allowed.push(/policy: /, /Content Security Policy/);
  await page.goto("./");
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.inlineScriptRan = true";
    document.head.append(script);
    return "inlineScriptRan" in window;
  });
  expect(ran).toBe(false);
  // Never sent: the policy is asked first.
  const fetched = await page.evaluate(() => fetch("https://example.invalid/").then(() => true, () => false));
  expect(fetched).toBe(false);
  await page.evaluate(() => {
    const form = document.createElement("form");
    document.body.append(form);
    form.submit();
  });
  for (const directive of ["script-src-elem", "connect-src", "form-action"]) {
    await expect.poll(() => complaints.some((complaint) => complaint.includes(`policy: ${directive}`))).toBe(true);
  }
});

test("the page has no accessibility faults that axe can find", async ({ page }) => {
  await page.goto("./");
  await expect(page.locator("#start-state")).toHaveCount(0);
  expect(await faults(page)).toEqual([]);
});
