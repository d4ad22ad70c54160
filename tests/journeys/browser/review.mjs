// The review pages in a real browser: a burned-in name is masked by mouse and keyboard, the mask becomes a device rule, another
// account approves it, and what else the device made goes on. Every page is looked at by axe, wide and narrow, and photographed.
import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import assert from "node:assert/strict";

const { TRIBUTARY_TEST_NODE: modules, TRIBUTARY_TEST_CHROMIUM: executablePath, PORTAL: portal, OUT: out, PASSWORD: password } = process.env;
const require = createRequire(join(modules, "node_modules", "x"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
mkdirSync(out, { recursive: true });

const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: WIDE, reducedMotion: "reduce" });
const page = await context.newPage();
page.setDefaultTimeout(20_000);
const said = [];
page.on("console", (message) => message.type() === "error" && said.push(message.text()));
page.on("pageerror", (error) => said.push(String(error)));
const foreign = [];
page.on("request", (request) => request.url().startsWith(portal) || request.url().startsWith("data:") || foreign.push(request.url()));

/** Photographs the page and has axe judge it, wide and narrow; nothing may need to be scrolled sideways. */
async function look(name) {
  for (const [width, viewport] of [["narrow", NARROW], ["wide", WIDE]]) {
    await page.setViewportSize(viewport);
    await page.evaluate(axe);
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const found = await page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags }), tags);
    const told = found.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(" ")}`);
    assert.deepEqual(told, [], `axe on ${name}, ${width}`);
    const [inner, whole] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
    assert.ok(whole <= inner, `${name} is ${whole} wide on a screen of ${inner}`);
    await page.screenshot({ path: join(out, `${name}-${width}.png`), fullPage: true });
  }
}

async function signIn(account) {
  await page.getByLabel("Account name").fill(account);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Images that wait for a person" }).waitFor();
}

const heading = (name) => page.getByRole("heading", { level: 1, name }).waitFor();
const seen = () => page.waitForFunction(() => [...document.images].every((image) => image.complete && image.naturalWidth > 0));

// Signing in, first with a wrong password.
await page.goto(portal);
await heading("Sign in");
await look("sign-in");
await page.getByLabel("Account name").fill("ann");
await page.getByLabel("Password").fill("a wrong password");
await page.keyboard.press("Enter");
await page.getByRole("alert").waitFor();
await look("sign-in-wrong");
said.length = 0; // The browser tells of the status 401.
await signIn("ann");

// The queue.
assert.equal(await page.getByRole("row").count(), 3, "two images and the headings");
await look("queue");
await page.getByLabel("Reason").selectOption({ index: 1 });
await page.getByRole("button", { name: "Show" }).click();
await page.getByRole("link", { name: /Look at/ }).first().click();
await heading(/Look at this/);
await seen();

// A box by mouse, over the lines of text in the upper left corner; another by keyboard, moved, sized, and removed again.
const area = await page.locator("#stage").boundingBox();
await page.mouse.move(area.x + 1, area.y + 1);
await page.mouse.down();
await page.mouse.move(area.x + area.width * 0.5, area.y + area.height * 0.1, { steps: 4 });
await page.mouse.move(area.x + area.width * 0.97, area.y + area.height * 0.25, { steps: 4 });
await page.mouse.up();
const box = page.getByRole("button", { name: /^Box 1/ });
await box.waitFor();
await page.keyboard.press("b");
const second = page.getByRole("button", { name: /^Box 2/ });
const before = await second.getAttribute("aria-label");
await page.keyboard.press("ArrowDown");
await page.keyboard.press("Shift+ArrowRight");
assert.notEqual(await second.getAttribute("aria-label"), before, "the arrow keys move the box");
assert.match(await page.locator("#announce").textContent(), /^Box 2: left/);
await look("image");
await second.focus();
await page.keyboard.press("Delete");
assert.equal(await page.locator(".box").count(), 1);
assert.equal(await page.locator("[name=left]").count(), 1);
// It is as large as it was drawn, also after the page was narrow.
await page.getByRole("textbox", { name: "Top" }).fill("0");
await page.getByRole("textbox", { name: "Left" }).fill("0");
await page.getByRole("textbox", { name: "Left" }).press("Tab");
await box.focus();
await page.keyboard.press("m");
await page.getByText("The boxes are masked and the image goes on").waitFor();
await look("image-next");

// A rule for the device: proposed by one account, approved by another.
await page.getByRole("link", { name: "Make a rule of it for the device" }).click();
await heading(/Mask the same/);
await seen();
await look("propose");
await page.getByRole("button", { name: "Propose the rule" }).click();
await heading("Device rules");
await look("rules-proposed");
await page.getByRole("table").getByRole("link").first().click();
await heading("Device rule");
assert.equal(await page.getByRole("button", { name: "Approve the rule" }).count(), 0, "not by who proposed it");
await page.getByRole("button", { name: "Sign out" }).click();
await page.getByText("You are signed out.", { exact: true }).waitFor();
await look("signed-out");
await signIn("ben");
await page.getByRole("link", { name: "Device rules" }).click();
await page.getByRole("table").getByRole("link").first().click();
await heading("Device rule");
await seen();
await look("rule");
await page.getByRole("button", { name: "Approve the rule" }).click();
await page.getByText("The rule is in force").waitFor();
await look("rules-in-force");

// The other image of the device goes on by itself.
for (let attempt = 0; ; attempt += 1) {
  await page.goto(`${portal}/review`);
  if (await page.getByText("Nothing waits").count()) break;
  assert.ok(attempt < 100, "the other image is still held");
  await page.waitForTimeout(200);
}
await look("queue-empty");

// A second look at what was cleared: one is clean; in the other somebody sees something, and the device is stopped.
await page.getByRole("link", { name: "Second look" }).click();
await heading("Second look at cleared images");
await look("samples");
await page.getByRole("link", { name: /Look at/ }).first().click();
await heading("Was anything missed?");
await seen();
await look("sample");
await page.keyboard.press("c");
await page.getByText("Noted: nothing was missed").waitFor();
await page.getByRole("link", { name: "Leak rates" }).click();
await heading("How much was missed");
assert.match(await page.getByRole("row").nth(1).textContent(), /95%/, "none of one: below 95%");
await look("rates");
await page.getByRole("link", { name: "Second look" }).click();
await page.getByRole("link", { name: /Look at/ }).first().click();
await page.getByRole("button", { name: "Yes, something identifies" }).click();
await page.getByText("Noted: the device is stopped").waitFor();
await page.getByRole("link", { name: "Leak rates" }).click();
await look("rates-stopped");
await page.getByRole("button", { name: /Let it go on/ }).click();
await page.getByText("The device goes on").waitFor();
await page.goto(`${portal}/nowhere`);
await heading("Page not found");
await look("not-found");
said.length = 0; // The browser tells of the status 404.

assert.deepEqual(foreign, [], "nothing is asked of anybody else");
assert.deepEqual(said, [], "the browser complains of nothing");
await browser.close();
