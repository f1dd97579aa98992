// Files as people have them: real ones, through the page and the program; and those that are none.
import { gzipSync } from "node:zlib";
import { readFileSync } from "node:fs";
import { dataFile, expect, test } from "../fixtures.ts";
import { analyse, counts, download, filter, give, headline, labels, scoreByProgram, someFlows, start, text } from "../journeys.ts";

const real: { file: string; rows: number; format: string; pack?: string }[] = [
  { file: "nsl-kdd/KDDTrain+.txt", rows: 125_973, format: "NSL-KDD", pack: "nsl-kdd" },
  { file: "unsw-nb15/UNSW_NB15_half.csv", rows: 41_371, format: "UNSW-NB15", pack: "unsw-nb15" },
  { file: "unsw-nb15/raw49_semicolon_Escenario3_hfcatucuamba.csv", rows: 3_000, format: "UNSW-NB15" },
  { file: "cic/cicids2017_cleaned_stratified12k.csv", rows: 12_000, format: "CICFlowMeter", pack: "cicids2017" },
  { file: "cic/iscxtor2016_semicolon_Escenario1.csv", rows: 7_000, format: "CICFlowMeter" },
  { file: "iot-23/CTU-Malware-Capture-20-1-labeled.csv", rows: 3_209, format: "Zeek" },
  { file: "netflow/NF-BoT-IoT-v2_first100k.csv.gz", rows: 100_000, format: "NetFlow", pack: "flow" },
  { file: "seed/synthetic_network_traffic_10k.csv", rows: 10_000, format: "Ten-column" },
];

for (const { file, rows, format, pack } of real) {
  test(`${file} is known, whole, and the page writes what the program writes`, async ({ page }) => {
    test.slow();
    const path = dataFile(file);
    await start(page);
    await analyse(page, path);
    expect((await counts(page)).all).toBe(rows);
    await expect(page.getByRole("list", { name: "File in brief" })).toContainText(format);
    if (pack) await expect(page.getByText(`This file is of the kind that ${pack} knows`)).toBeVisible();
    const scored = await download(page);
    expect(scored.toString("latin1").trimEnd().split("\n").length).toBe(rows + 1);
    expect(scored.equals(scoreByProgram(path))).toBe(true);
  });
}

test("on pure noise the page does not pretend skill", async ({ page }) => {
  const path = dataFile("seed/synthetic_network_traffic_10k.csv");
  await start(page);
  await analyse(page, path);
  const judged = await labels(page);
  await expect(judged).toContainText("No better than chance");
  const auc = Number((await judged.innerText()).match(/Forest\s+(0\.\d+)/)![1]);
  expect(auc).toBeGreaterThan(0.45);
  expect(auc).toBeLessThan(0.55);
});

test("a gzipped file is the same file", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv.gz", gzipSync(someFlows())));
  expect((await counts(page)).all).toBe(301);
  expect((await download(page)).toString()).toContain("10.0.0.7,icmp,50000000,40000,the odd one,");
});

const png = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");
const bad: { name: string; content: string | Buffer; says: RegExp }[] = [
  { name: "empty.csv", content: "", says: /empty/i },
  { name: "picture.csv", content: png, says: /PNG image/ },
  { name: "header.csv", content: "bytes,packets,duration\n", says: /header/i },
  { name: "nul.csv", content: `bytes,packets\n1,2\n3,${"\0".repeat(60)}\n4,5\n`, says: /control characters/i },
  { name: "cut.csv.gz", content: gzipSync(someFlows().repeat(20)).subarray(0, 900), says: /cut|truncated|ends|incomplete/i },
  { name: "wide.csv", content: (Array.from({ length: 5000 }, (_, i) => `c${i}`).join(",") + "\n").repeat(3), says: /5,?000 columns/ },
];

test("bad files are refused in plain words, and the result on screen stays", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  for (const { name, content, says } of bad) {
    await give(page, text(name, content));
    await expect(page.getByRole("alert").getByText(says).first()).toBeVisible();
    for (const button of await page.getByRole("button", { name: "Dismiss" }).all()) await button.click();
  }
  await expect(headline(page)).toBeVisible();
  expect((await counts(page)).all).toBe(301);
});

// These are tables: they open, and another role or setting may be what they need.
const hopeless: typeof bad = [
  { name: "one-row.csv", content: "bytes,packets\n10,2\n", says: /One record/ },
  { name: "constant.csv", content: "bytes,packets\n" + "10,2\n".repeat(50), says: /constant/i },
];

test("tables without anything to compare open, and say why they cannot be scored", async ({ page }) => {
  await start(page);
  for (const { name, content, says } of hopeless) {
    await give(page, text(name, content));
    await expect(page.getByRole("heading", { name })).toBeVisible();
    await expect(page.getByRole("alert").getByText(says).first()).toBeVisible();
  }
});

test("a line of 100 MB is refused without filling the memory", async ({ page }) => {
  await start(page);
  await page.evaluate(() => {
    const line = new Blob(Array(100).fill("x".repeat(1 << 20)));
    const transfer = new DataTransfer();
    transfer.items.add(new File([line], "line.csv"));
    const input = document.querySelector<HTMLInputElement>("input[type=file]")!;
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
  await expect(page.getByRole("alert").getByText(/line|record/i).first()).toBeVisible();
});

test("markup and formulas in cells stay text", async ({ page }) => {
  const hostile = someFlows().replace("src_ip", "<b>src</b>") + "=cmd|' /C calc'!A0,tcp,1,2,<img src=x onerror=document.title='gone'>\n";
  await start(page);
  await analyse(page, text("<img src=x onerror=alert(1)>.csv", hostile));
  await filter(page, "onerror");
  await expect(page.getByRole("grid", { name: "Records" }).getByText("<img src=x")).toBeVisible();
  await expect(page).toHaveTitle(/^Oddflow/);
  expect(await page.locator("main img").count()).toBe(0);
  expect((await download(page)).toString()).toContain("\n'=cmd|' /C calc'!A0,tcp,1,2,");
});

test("a file can be cancelled at any moment", async ({ page }) => {
  const path = dataFile("nsl-kdd/KDDTrain+.txt");
  const large = Buffer.concat(Array(8).fill(readFileSync(path)));
  await start(page);
  // Too large for the test's own channel: made in the page from one upload.
  await page.evaluate((base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File(Array(40).fill(bytes), "large.txt"));
    const input = document.querySelector<HTMLInputElement>("input[type=file]")!;
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, large.subarray(0, 8 << 20).toString("base64"));
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("progressbar")).toHaveCount(0);
  await analyse(page, text("flows.csv", someFlows()));
  await expect(headline(page)).toBeVisible();
});
