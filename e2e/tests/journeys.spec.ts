// A person's way through the page, on small files of our own.
import { expect, test } from "../fixtures.ts";
import { analyse, counts, download, give, headline, onDisk, scoreByProgram, someFlows, start, text } from "../journeys.ts";

test("a dropped file is scored, and its odd record comes first", async ({ page }) => {
  await start(page);
  const transfer = await page.evaluateHandle((content) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([content], "flows.csv", { type: "text/csv" }));
    return transfer;
  }, someFlows());
  await page.getByRole("button", { name: "Choose a file" }).dispatchEvent("drop", { dataTransfer: transfer });
  await expect(headline(page)).toBeVisible();
  expect((await counts(page)).all).toBe(301);
  const first = page.getByRole("grid", { name: "Records" }).getByRole("row").nth(1);
  await expect(first).toContainText("the odd one");
});

test("pasted text is scored", async ({ page }) => {
  await start(page);
  await page.getByRole("button", { name: "Paste text" }).click();
  await page.getByLabel("Lines of a flow log").fill(someFlows());
  await page.getByRole("button", { name: "Analyse this text" }).click();
  await expect(headline(page)).toBeVisible();
  expect((await counts(page)).all).toBe(301);
});

test("the sample shows what labels say, and they follow the threshold", async ({ page }) => {
  await start(page);
  await page.getByRole("button", { name: "Try the sample" }).click();
  await expect(headline(page)).toBeVisible();
  const { odd, all } = await counts(page);
  expect(all).toBe(20_000);
  expect(odd).toBeGreaterThan(0);
  const labels = page.getByRole("region", { name: "Against the labels" });
  await expect(labels).toContainText("ROC AUC");
  const before = await labels.innerText();

  const threshold = page.getByRole("slider", { name: "Threshold" });
  await threshold.focus();
  for (let i = 0; i < 5; i++) await threshold.press("PageDown");
  expect((await counts(page)).odd).toBeGreaterThan(odd);
  expect(await labels.innerText()).not.toBe(before);
  await page.getByLabel("flags").fill("50");
  await page.getByLabel("flags").press("Enter");
  await expect.poll(async () => (await counts(page)).odd).toBeLessThanOrEqual(50);
});

test("all records can be sorted, filtered and opened by keyboard", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  const grid = page.getByRole("grid", { name: "Records" });
  await expect(grid).toHaveAttribute("aria-rowcount", "302");

  await grid.getByRole("button", { name: "packets" }).click();
  await expect(grid.getByRole("columnheader", { name: "packets" })).toHaveAttribute("aria-sort", "ascending");
  await expect(grid.getByRole("row").nth(1)).toContainText("row 0");
  await grid.getByRole("button", { name: "packets" }).click();
  await expect(grid.getByRole("row").nth(1)).toContainText("the odd one");

  await page.getByLabel("Filter records by text").fill("ODD one");
  await expect(grid).toHaveAttribute("aria-rowcount", "2");
  await grid.focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  const record = page.getByRole("complementary", { name: "Record 301" }).or(page.getByRole("region", { name: "Record 301" }));
  await expect(record).toContainText("50000000");
});

test("one record is checked, and a changed copy scores differently", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  await page.getByRole("grid", { name: "Records" }).getByRole("row").nth(1).click();
  await page.getByRole("button", { name: "Check a changed copy" }).click();
  const form = page.getByRole("region", { name: "Check one record" }).or(page.getByRole("complementary", { name: "Check one record" }));
  await expect(form.getByLabel("bytes")).toHaveValue("50000000");
  await form.getByRole("button", { name: "Score it" }).click();
  await expect(form).toContainText("Rank");
  const odd = await form.innerText();
  await form.getByLabel("bytes").fill("700");
  await form.getByLabel("packets").fill("8");
  await form.getByRole("button", { name: "Score it" }).click();
  await expect.poll(() => form.innerText()).not.toBe(odd);
});

test("roles and settings can be changed and run again", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  await page.getByLabel("Role of bytes").or(page.getByText("Columns", { exact: true })).first().waitFor({ state: "attached" });
  const file = page.getByRole("region", { name: "File", exact: true });
  if (!(await page.getByLabel("Role of bytes").isVisible())) await file.getByRole("button").first().click();
  await page.getByLabel("Role of bytes").selectOption({ label: "ignored" });
  await page.getByRole("button", { name: /Run again/ }).click();
  await expect(headline(page)).toBeVisible();
  await expect(page.getByText("2 inputs")).toBeVisible();
});

test("the downloaded file is what the program writes, byte for byte", async ({ page }) => {
  const cases = [someFlows(), someFlows().replaceAll("\n", "\r\n"), someFlows() + "too,few\n=cmd|' /C calc'!A0,tcp,1,2,<img src=x onerror=alert(1)>\n"];
  for (const content of cases) {
    const path = onDisk("flows.csv", content);
    await start(page);
    await analyse(page, path);
    expect((await download(page)).equals(scoreByProgram(path))).toBe(true);
  }
});

test("an analysis asks nothing of the network, and works without one", async ({ page, context, requests }) => {
  await start(page);
  const loaded = requests.length;
  await analyse(page, text("flows.csv", someFlows()));
  await page.getByRole("grid", { name: "Records" }).getByRole("row").nth(1).click();
  await download(page);
  expect(requests.slice(loaded).filter((url) => !url.startsWith("blob:"))).toEqual([]);

  await context.setOffline(true);
  await page.getByRole("button", { name: "New file" }).click();
  await give(page, text("again.csv", someFlows()));
  await expect(page.getByText("again.csv").first()).toBeVisible();
  await expect(headline(page)).toBeVisible();
  expect((await download(page)).toString()).toContain(",anomaly,");
  expect(requests.slice(loaded).filter((url) => !url.startsWith("blob:"))).toEqual([]);
});
