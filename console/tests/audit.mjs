// What must hold for every page, whoever reads it: names for all that can be used, contrast, one heading of the first
// rank, nothing wider than the screen.

/** Roles of things that people use; each must say what it is. */
const USED = new Set(["button", "link", "textbox", "searchbox", "combobox", "checkbox", "slider", "spinbutton", "img", "region", "table", "navigation", "group", "list"]);
/** Roles that may go without a name. */
const MAY_BE_BARE = new Set(["list", "table", "group", "region"]);

export async function audit(page) {
  return [...(await unnamed(page)), ...(await page.evaluate(look))];
}

async function unnamed(page) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  await session.detach();
  const used = nodes.filter((node) => !node.ignored && USED.has(node.role?.value) && !MAY_BE_BARE.has(node.role.value));
  if (used.length < 5) return [`only ${used.length} things to use were found`];
  return used.filter((node) => !node.name?.value?.trim()).map((node) => `a ${node.role.value} has no name`);
}

/** Runs in the page. */
function look() {
  const found = [];
  const visible = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && element.getClientRects().length > 0;
  const headings = [...document.querySelectorAll("h1")].filter(visible);
  if (headings.length !== 1) found.push(`${headings.length} headings of the first rank`);
  if (!["en", "es"].includes(document.documentElement.lang)) found.push("the page has no language");
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 0) found.push(`the page is ${wide} pixels wider than the screen`);
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) found.push(`two elements have the id ${id}`);

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return { rgb: [r, g, b], alpha: a / 255 };
  };
  const over = (top, below) => top.rgb.map((value, at) => value * top.alpha + below[at] * (1 - top.alpha));
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const layer = rgba(getComputedStyle(at).backgroundColor);
      layers.push(layer);
      if (layer.alpha > 0.99) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || seen.has(element) || !visible(element) || element.closest("[disabled], .hidden, .skip, option, title, noscript, svg")) continue;
    seen.add(element);
    const style = getComputedStyle(element);
    const back = behind(element);
    const text = over(rgba(style.color), back);
    const [high, low] = [light(text), light(back)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const wanted = size >= 24 || (size >= 18.6 && Number(style.fontWeight) >= 600) ? 3 : 4.5;
    if (ratio < wanted) found.push(`contrast ${ratio.toFixed(2)} of "${walker.currentNode.data.trim().slice(0, 30)}" (${element.className || element.tagName})`);
  }
  if (seen.size < 10) found.push(`only ${seen.size} texts were found`);
  return found;
}
