// What is chosen in one view narrows all others and the table; plot and lanes show all the same what else could be chosen there.
import type { Locator, Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { aBeacon, analyse, filter, give, headline, leads, likePack, panel, records, start, text } from "../journeys.ts";

/** The numbers below a chart, row by row. */
async function numbers(page: Page, tab: string): Promise<string[][]> {
  const shown = await panel(page, tab);
  const unfold = shown.getByRole("button", { name: "Show the numbers" });
  if (await unfold.isVisible()) await unfold.click();
  await settled(page);
  const rows = await shown.getByRole("region", { name: /as a table|Records in each part/ }).getByRole("row").allInnerTexts();
  return rows.slice(1).map((row) => row.split("\t"));
}

async function settled(page: Page) {
  await expect(page.locator('[aria-busy="true"]')).toHaveCount(0);
  await page.waitForTimeout(300);
  await expect(page.locator('[aria-busy="true"]')).toHaveCount(0);
}

function sum(rows: string[][], column: number): number {
  return rows.reduce((sum, row) => sum + Number(row[column].replaceAll(",", "")), 0);
}

/** Records in the table. */
async function n(page: Page): Promise<number> {
  return Number(await records(page).getAttribute("aria-rowcount")) - 1;
}

function groupNames(shown: Locator): Promise<string[]> {
  return shown.getByRole("region", { name: "Groups" }).getByRole("rowheader").allInnerTexts();
}

test("filter, groups, lanes and threshold narrow one another", async ({ page }) => {
  test.slow();
  await start(page);
  await page.getByRole("button", { name: "Try the sample" }).click();
  await expect(headline(page)).toBeVisible();
  await leads(page);
  const all = await n(page);
  const lanesOfAll = await numbers(page, "Over time");
  expect(sum(lanesOfAll, 1)).toBe(all);

  // A filter narrows the lanes, the histogram and the groups.
  await filter(page, "proto:udp");
  await expect.poll(() => n(page)).toBeLessThan(all);
  const udp = await n(page);
  await expect.poll(async () => sum(await numbers(page, "Over time"), 1)).toBe(udp);
  expect(sum(await numbers(page, "Threshold"), 2)).toBe(udp);
  const groups = await panel(page, "Groups");
  const sources = await groupNames(groups);
  expect(sources.length).toBeGreaterThan(1);

  // A cell of the lanes narrows all but the lanes, and leaves the filter.
  const lanesOfUdp = await numbers(page, "Over time");
  const lanes = page.getByRole("application", { name: /^Swimlanes/ });
  const box = (await lanes.boundingBox())!;
  await lanes.click({ position: { x: box.width / 2, y: 11 } });
  await expect(page.getByRole("combobox", { name: "Filter records" })).toHaveValue(/^proto:udp src:\S+ time:/);
  await settled(page);
  expect(await numbers(page, "Over time")).toEqual(lanesOfUdp);
  const cell = await n(page);
  expect(cell).toBeLessThan(udp);
  expect(sum(await numbers(page, "Threshold"), 2)).toBe(cell);

  // What is chosen among the groups does as well; and all comes back at a click.
  await page.getByRole("button", { name: "Clear all" }).click();
  await expect.poll(() => n(page)).toBe(all);
  const group = (await panel(page, "Groups")).getByRole("region", { name: "Groups" }).getByRole("rowheader").getByRole("button").nth(3);
  const name = await group.innerText();
  await group.click();
  await expect.poll(() => n(page)).toBeLessThan(all);
  await settled(page);
  expect(await groupNames(groups)).toEqual([name]);
  const chosen = await n(page);
  expect(sum(await numbers(page, "Threshold"), 2)).toBe(chosen);
  await page.getByRole("button", { name: "Clear all" }).click();
  await expect.poll(() => n(page)).toBe(all);
  expect(await numbers(page, "Over time")).toEqual(lanesOfAll);
});

test("a part of the plot narrows everything but the plot", async ({ page }) => {
  await start(page);
  await analyse(page, likePack("nsl-kdd", 3000));
  await leads(page);
  const plot = await numbers(page, "Both stages");
  expect(sum(plot, 1)).toBe(3000);
  await page.getByLabel("Probability from").fill("0.9");
  await page.getByLabel("Probability from").press("Enter");
  await expect.poll(() => n(page)).toBeLessThan(3000);
  const part = await n(page);
  expect(part).toBeGreaterThan(0);
  expect(await numbers(page, "Both stages")).toEqual(plot);
  expect(sum(await numbers(page, "Threshold"), 2)).toBe(part);
  const groups = await panel(page, "Groups");
  await groups.getByRole("button", { name: "Category" }).click();
  await expect(groups.getByRole("region", { name: "Groups" }).getByRole("row").nth(1)).toBeVisible();
});

test("two files are compared, and what is new since yesterday leads to its records", async ({ page }) => {
  await start(page);
  await analyse(page, text("today.csv", aBeacon()));
  const compare = await panel(page, "Compare");
  const yesterday = aBeacon().split("\n").filter((line) => !line.includes("203.0.113.7")).join("\n");
  await compare.getByLabel("File to compare with").setInputFiles(text("yesterday.csv", yesterday));
  await compare.getByRole("button", { name: "Compare", exact: true }).click();
  await compare.getByRole("region", { name: "New since yesterday.csv" }).getByRole("button", { name: "203.0.113.7" }).click();
  await expect(records(page)).toHaveAttribute("aria-rowcount", "281");
  // Compared is what is shown, whether the panel is open as that changes or not.
  await expect(compare).toContainText(/What is shown: 280.records of today.csv, against 0 of yesterday.csv/);
  await filter(page, "-dst:203.0.113.7");
  await expect(compare).toContainText(/against 3,000 of yesterday.csv that pass the same filter/);
  await expect(compare.getByRole("region", { name: "How each column differs" })).toBeVisible();
  await expect(compare.getByRole("button", { name: "203.0.113.7" })).toHaveCount(0);
  await panel(page, "Groups");
  await page.getByRole("button", { name: "Clear all" }).click();
  await panel(page, "Compare");
  await expect(compare.getByRole("button", { name: "203.0.113.7" })).toBeVisible();
  await expect(compare).toContainText("today.csv has");
});

test("what the labels say is of what is shown", async ({ page }) => {
  const lines = ["proto,bytes,packets,attack,label"];
  for (let i = 0; i < 900; i++) {
    const odd = i % 29 === 7;
    const bytes = odd && i % 3 > 0 ? 90_000 + i : 500 + ((i * 7) % 400);
    lines.push([i % 2 ? "udp" : "tcp", bytes, 4 + (i % 9), odd ? (i % 2 ? "flood" : "scan") : "", odd ? 1 : 0].join(","));
  }
  await start(page);
  await give(page, text("labelled.csv", lines.join("\n") + "\n"));
  await expect(headline(page)).toBeVisible();
  const labels = await panel(page, "Against the labels");
  const confusion = labels.getByRole("table", { name: "Confusion matrix at this threshold" });
  const cells = async () => (await confusion.getByRole("cell").allInnerTexts()).filter((cell) => cell !== "").map(Number);
  const total = async () => (await cells()).reduce((sum, n) => sum + n, 0);
  const attacks = labels.getByRole("region", { name: "Records found of each attack" }).getByRole("rowheader");
  await expect(attacks).toHaveText(["flood", "scan"]);
  expect(await total()).toBe(900);
  const ofAll = await labels.getByRole("table", { name: /Each stage/ }).innerText();

  await filter(page, "proto:udp");
  await expect.poll(total).toBe(450);
  await expect(labels).toContainText("Of what is shown.");
  await expect(attacks).toHaveText(["flood"]);
  expect(await labels.getByRole("table", { name: /Each stage/ }).innerText()).not.toBe(ofAll);
  // To show what is odd alone leaves what was missed in the figures.
  const ofUdp = await cells();
  await page.getByRole("checkbox", { name: "Odd only" }).check();
  await expect(labels).toContainText("and of what would be if ordinary records were, too");
  expect(await cells()).toEqual(ofUdp);
  // Of one class nothing can be measured.
  await filter(page, "label:normal");
  await expect(labels).toContainText("only one class is labelled");
  await expect(labels.getByRole("figure")).toHaveCount(0);
  await page.getByRole("button", { name: "Clear all" }).click();
  await expect.poll(total).toBe(900);
  await expect(labels.getByRole("figure")).toHaveCount(2);
});

test("odd records of amounts alone are looked at by their reasons", async ({ page }) => {
  const lines = ["duration,bytes"];
  for (let i = 0; i < 2000; i++) lines.push(`${(i % 97) / 10},${i % 50 === 0 ? 5_000_000 + i : 500 + ((i * 7) % 400)}`);
  await start(page);
  await give(page, text("amounts.csv", lines.join("\n") + "\n"));
  await expect(headline(page)).toBeVisible();
  const lead = (await leads(page)).first();
  await expect(lead.getByRole("heading")).toHaveText("Bytes sent");
  await lead.getByRole("button", { name: "Show its records" }).click();
  await expect.poll(() => n(page)).toBeLessThan(2000);
});
