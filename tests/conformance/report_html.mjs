// Chromium reads a report as people do: by day and by night, on a telephone, a screen and paper. axe-core finds nothing that keeps
// anyone from reading them; nothing is asked of any other place; nothing is cut off and no two texts meet. REPORT is the
// file, SHOTS the folder for pictures.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const { env } = process;
const load = createRequire(path.join(env.NODE_MODULES, "x.js"));
const { default: puppeteer } = await import(pathToFileURL(load.resolve("puppeteer-core")));
const axe = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");

const themes = { light: "rgb(255, 255, 255)", dark: "rgb(18, 22, 28)" };
const widths = [400, 1280];
// A4 as the style sheet lays it, without the margins that it gives it, at 96 dots an inch.
const [, landscape, margin] = readFileSync(env.REPORT, "utf8").match(/@page \{ size: A4( landscape)?; margin: (\d+)mm; \}/);
const paper = Math.floor((((landscape ? 297 : 210) - 2 * Number(margin)) / 25.4) * 96);

/** In the page: what is out of place. */
function misplaced(scrolls) {
  const found = [];
  const wide = document.documentElement.clientWidth;
  const say = (element, what) => found.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
  if (document.documentElement.scrollWidth > wide) found.push(`the page is ${document.documentElement.scrollWidth} px wide`);
  for (const element of document.body.querySelectorAll("*")) {
    const box = element.getBoundingClientRect();
    if (box.width === 0 || element.closest("svg *")) continue;
    const inside = scrolls && element.parentElement.closest(".wide");
    if (!inside && (box.left < -0.5 || box.right > wide + 0.5)) say(element, "beyond the page's edge");
    if (/^(TD|TH|P|LI|H1|H2|H3)$/.test(element.tagName) && element.scrollWidth > element.clientWidth + 1) say(element, "text cut off");
  }
  for (const svg of document.querySelectorAll("svg")) {
    const around = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim());
    const boxes = texts.map((text) => [text, text.getBoundingClientRect()]);
    for (const [index, [text, box]] of boxes.entries()) {
      if (box.left < around.left - 1 || box.right > around.right + 1 || box.top < around.top - 1 || box.bottom > around.bottom + 1) say(text, "outside its drawing");
      const bars = [...svg.querySelectorAll("rect:not(.band)")].map((bar) => [bar, bar.getBoundingClientRect()]);
      for (const [other, its] of [...boxes.slice(index + 1), ...bars]) {
        const across = Math.min(box.right, its.right) - Math.max(box.left, its.left);
        const down = Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top);
        // Lines of text may touch where letters have no ink.
        if (across > 1 && down > 4) say(text, `meets ${other.textContent || other.outerHTML}`);
      }
    }
  }
  return found;
}

/** In the page: what could do or fetch something. */
function active() {
  const elements = "script, iframe, object, embed, link, img, form, base, meta[http-equiv]";
  const handles = (element) => element.getAttributeNames().some((name) => name.startsWith("on"));
  const found = [...document.querySelectorAll("*")].filter((element) => element.matches(elements) || handles(element));
  return found.map((element) => element.outerHTML.slice(0, 160));
}

/** In the page: drawings that say nothing to those who cannot see them. */
function untold() {
  const told = (svg) => {
    const { parentElement } = svg.closest(".wide");
    return svg.getAttribute("role") === "img" && svg.getAttribute("aria-label") && parentElement.querySelector("table");
  };
  return [...document.querySelectorAll("svg")].filter((svg) => !told(svg)).map((svg) => svg.outerHTML.slice(0, 160));
}

mkdirSync(env.SHOTS, { recursive: true });
// Chromium's sandbox needs another user than root.
const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
const browser = await puppeteer.launch({ executablePath: env.CHROMIUM, args });
const problems = [];
try {
  const page = await browser.newPage();
  const url = pathToFileURL(env.REPORT).href;
  const name = path.basename(path.dirname(env.REPORT));
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    if (request.url() === url) return request.continue();
    problems.push(`asks for ${request.url()}`);
    return request.abort();
  });
  page.on("dialog", (dialog) => problems.push("opened a dialog") && dialog.dismiss());
  page.on("pageerror", (error) => problems.push(String(error)));
  const shoot = (what) => page.screenshot({ path: path.join(env.SHOTS, `${name}-${what}.png`), fullPage: true });
  const colour = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  for (const [theme, background] of Object.entries(themes)) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
    for (const width of widths) {
      const here = `${name} ${theme} ${width} px`;
      await page.setViewport({ width, height: 900 });
      await page.goto(url);
      assert.equal(await colour(), background, here);
      for (const what of await page.evaluate(active)) problems.push(`${here}: is not inert: ${what}`);
      for (const what of await page.evaluate(untold)) problems.push(`${here}: has no name or no table: ${what}`);
      await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
      for (const what of await page.evaluate(misplaced, true)) problems.push(`${here}: ${what}`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })");
      for (const { id, help, nodes } of violations) {
        problems.push(`${here}: ${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 120))}`);
      }
      await shoot(`${theme}-${width}`);
    }
  }
  // By night, too, paper is white.
  await page.setViewport({ width: paper, height: 1000 });
  await page.emulateMediaType("print");
  await page.goto(url);
  assert.equal(await colour(), themes.light);
  for (const what of await page.evaluate(misplaced, false)) problems.push(`${name} on paper: ${what}`);
  await shoot("paper");
  await page.pdf({ path: path.join(env.SHOTS, `${name}.pdf`), preferCSSPageSize: true, printBackground: true });
} finally {
  await browser.close();
}
assert.deepEqual(problems, []);
