// What the page says about the flagged records of KDDTrain+: each reason is a sentence that an analyst can use, and the bars
// add up to the scores that stand beside them.
import { dataFile, expect, test } from "../fixtures.ts";
import { analyse, records, start } from "../journeys.ts";

/** Records that are drawn; the seed makes them the same ones each time. */
const DRAWN = 20;
const SEED = 20_240_419;
const AMONG = 5000;

test("20 flagged records of KDDTrain+ say why, in sentences and in sums", async ({ page }) => {
  test.slow();
  const path = dataFile("nsl-kdd/KDDTrain+.txt");
  await start(page);
  await analyse(page, path);
  const grid = records(page);
  const scales: number[] = [];
  for (const place of draw(DRAWN, AMONG)) {
    await open(page, place);
    const record = page.getByRole("complementary", { name: /^Record / });
    const title = await record.getByRole("heading", { level: 2 }).innerText();
    const why = record.getByRole("region", { name: "Why" });
    const reasons = why.locator(".reasons").getByRole("listitem");
    await expect(reasons.first()).toBeVisible();
    const sentences = await reasons.allInnerTexts();
    for (const sentence of sentences) {
      await test.info().attach(`${title}, place ${place + 1}`, { body: sentence });
      checkSentence(sentence, title);
    }

    await why.getByText("What each column adds").click();
    const figures = await standing(record);
    const [expected, path, typical, logit] = numbers((await why.locator("h4 + .hint").allInnerTexts()).join(" "));
    await why.getByRole("button", { name: "Show the numbers" }).click();
    const rows = await why.getByRole("region", { name: /as a table/ }).getByRole("row").allInnerTexts();
    const parts = rows.slice(1).map((row) => row.split("\t").slice(-2).map((cell) => numbers(cell)[0]));
    const sum = (column: number) => parts.reduce((sum, row) => sum + row[column], 0);
    // Each bar is written with two decimals.
    const rounded = 0.005 * (parts.length + 2);
    expect(Math.abs(sum(0) - (expected - path)), `${title}: splits`).toBeLessThan(rounded);
    expect(Math.abs(sum(1) - (logit - typical)), `${title}: logits`).toBeLessThan(rounded);
    // The logit is the network's probability, and the path is the forest's score: 2^(-path / c) with one c for all records.
    expect(Math.abs(1 / (1 + Math.exp(-logit)) - figures.Network), title).toBeLessThan(0.002);
    scales.push(-path / Math.log2(figures.Forest));
  }
  expect(Math.max(...scales) / Math.min(...scales)).toBeLessThan(1.01);

  async function open(page: import("@playwright/test").Page, place: number) {
    await grid.evaluate((grid, place) => (grid.scrollTop = place * 32), place);
    const row = page.locator(`#record-at-${place}`);
    await row.click({ position: { x: 60, y: 12 } });
    await expect(row).toHaveAttribute("aria-selected", "true");
    const title = `Record ${await row.getByRole("gridcell").nth(2).innerText()}`;
    await expect(page.getByRole("heading", { name: title, exact: true })).toBeVisible();
  }
});

/** Actual beside typical, and how rare that is; no code, no number that is none. */
function checkSentence(sentence: string, title: string) {
  const said = `${title}: ${sentence}`;
  expect(sentence, said).toMatch(/^\p{Lu}.*\.$/u);
  expect(sentence, said).toMatch(/\((typical|most often) [^()]+\)|\(the most frequent\)/);
  expect(sentence, said).toMatch(/(more|less|higher|lower|longer|shorter) than [^ ]+|(most|least|highest|lowest|longest|shortest) of all|as in|where|seen in none|rare ones|lack/);
  expect(sentence, said).toMatch(/flows here/);
  expect(sentence, said).not.toMatch(/NaN|inf|undefined|null|[a-z]+_[a-z]+|"|\.\.|  |\(\)/i);
  // A size, a time or a share comes with its unit.
  if (/^(Sent|Received) /.test(sentence)) expect(sentence, said).toMatch(/^(Sent|Received) [\d,.]+\s?([kMGT]?B|bytes?|packets?)/);
  if (/^Lasted /.test(sentence)) expect(sentence, said).toMatch(/^Lasted [\d,.]+\s?(µs|ms|s|min|h|d)/);
}

async function standing(record: import("@playwright/test").Locator): Promise<Record<string, number>> {
  const [names, values] = [await record.locator(".standing dt").allInnerTexts(), await record.locator(".standing dd").allInnerTexts()];
  return Object.fromEntries(names.map((name, at) => [name, numbers(values[at])[0]]));
}

/** The numbers of a text; the page writes a true minus. */
function numbers(text: string): number[] {
  return (text.replaceAll("−", "-").replaceAll(",", "").match(/[+-]?\d+(\.\d+)?/g) ?? []).map(Number);
}

/** Places among the first `among`, by mulberry32. */
function draw(n: number, among: number): number[] {
  let state = SEED;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
  const places = new Set<number>();
  while (places.size < n) places.add(Math.floor(next() * among));
  return [...places].sort((a, b) => a - b);
}
