import type { ClientParts } from "./client-parts.ts";

/** The data that the page of several methods gives its script. */
export interface MethodsData {
  /** Of each loss with maps: the top of the scale that all images share. */
  tops: Record<string, number>;
  /** By image: its name, and how far the methods differ by each loss. */
  images: { name: string; spread: Record<string, number> }[];
}

/**
 * The script of the page of several methods. Its source text is put into the page, so it may use nothing from
 * outside itself but the parts that it is given.
 */
export function methodsClient({
  all,
  one,
  dataOf,
  labelScale,
  fraction,
  slider,
  zoomable,
  leaveEnlarged,
}: ClientParts): void {
  const data = dataOf<MethodsData>();

  // Sorting: where methods differ most comes first.
  const sortBox = one<HTMLSelectElement>("#sort");
  const sort = () => {
    const key = sortBox?.value ?? "name";
    const order = (a: HTMLElement, b: HTMLElement) => {
      const [p, q] = [a, b].map((element) => data.images[Number(element.dataset.image)]);
      const byName = p.name.localeCompare(q.name, "en", { numeric: true });
      return key === "name" ? byName : q.spread[key] - p.spread[key] || byName;
    };
    for (const list of all("#images, .rows")) list.append(...(Array.from(list.children) as HTMLElement[]).sort(order));
  };
  sortBox?.addEventListener("change", sort);
  sort();

  const scaleBox = one<HTMLInputElement>("#shared-scale");
  /** Error maps with one scale for all methods of an image, or for all images. */
  const paint = (card: HTMLElement) => {
    const loss = card.dataset.map ?? "";
    const maps = all<HTMLImageElement>(`.levels[data-loss="${CSS.escape(loss)}"]`, card);
    const own = Math.max(0, ...maps.map((map) => Number(map.dataset.top)));
    const top = scaleBox?.checked === false ? own : (data.tops[loss] ?? own);
    for (const map of maps) map.style.setProperty("--gain", String(top > 0 ? Number(map.dataset.top) / top : 0));
    const [first] = maps;
    const scale = one(".scale", card);
    if (scale) scale.hidden = first === undefined;
    if (first === undefined) return;
    labelScale(card, first.dataset, top);
  };
  scaleBox?.addEventListener("change", () => {
    for (const card of all(".image")) paint(card);
  });

  const blinkTime = 700;
  const keys = new Map<HTMLElement, (key: string) => boolean>();

  for (const card of all(".image")) {
    const tiles = all(".tile", card);
    const [width, height] = [Number(card.dataset.width), Number(card.dataset.height)];
    const press = (selector: string, isPressed: (button: HTMLElement) => boolean) => {
      for (const button of all(selector, card)) button.setAttribute("aria-pressed", String(isPressed(button)));
    };

    // Which are seen: all, one after the other, or two with a slider.
    const boxes = ["a", "b"].map((side) => one<HTMLSelectElement>(`select.${side}`, card) as HTMLSelectElement);
    let timer: ReturnType<typeof setInterval> | undefined;
    let current = 0;
    const show = (index: number) => {
      current = (index + tiles.length) % tiles.length;
      for (const [at, tile] of tiles.entries()) tile.classList.toggle("current", at === current);
      press(".pick", (button) => Number(button.dataset.tile) === current);
    };
    const stop = () => {
      clearInterval(timer);
      timer = undefined;
      press(".play", () => false);
    };
    const play = () => {
      if (timer !== undefined) return stop();
      timer = setInterval(() => show(current + 1), blinkTime);
      press(".play", () => true);
    };
    const setMode = (mode: string) => {
      if (mode !== "blink") stop();
      card.dataset.mode = mode;
      press(".mode", (button) => button.dataset.mode === mode);
    };
    const pair = () => {
      for (const [at, tile] of tiles.entries()) {
        tile.classList.toggle("a", at === Number(boxes[0].value));
        tile.classList.toggle("b", at === Number(boxes[1].value));
      }
    };
    for (const box of boxes) box.addEventListener("change", pair);
    for (const button of all(".mode", card))
      button.addEventListener("click", () => setMode(button.dataset.mode ?? "grid"));
    for (const button of all(".pick", card))
      button.addEventListener("click", () => {
        stop();
        show(Number(button.dataset.tile));
      });
    one(".play", card)?.addEventListener("click", play);
    pair();
    show(0);

    // Images or error maps.
    const setMap = (loss: string) => {
      card.dataset.map = loss;
      press(".map-tab", (button) => button.dataset.loss === loss);
      for (const map of all<HTMLImageElement>(".levels", card)) map.hidden = map.dataset.loss !== loss;
      paint(card);
    };
    for (const tab of all(".map-tab", card)) tab.addEventListener("click", () => setMap(tab.dataset.loss ?? ""));
    setMap("");

    // One zoom for all.
    const move = slider(one(".handle", card) as HTMLElement, card);
    const { view, apply, zoomAt } = zoomable(card, {
      most: 64,
      pixelated: 2,
      onZoom: () => press(".region", () => false),
      whole: () => goTo(-1),
      onMove: (event, stage, isDragged) => {
        const [x, y] = fraction(event, stage).map((part) => (part + 0.5) * 100);
        // The same place in all of them.
        card.style.setProperty("--at-x", `${x}%`);
        card.style.setProperty("--at-y", `${y}%`);
        card.classList.add("pointed");
        if (!isDragged && card.dataset.mode === "slide") move(x);
      },
    });
    for (const stage of all(".stage", card)) {
      stage.addEventListener("pointerleave", () => card.classList.remove("pointed"));
    }
    const regions = all(".region", card);
    let region = -1;
    /** Shows a region, or the whole image. */
    const goTo = (index: number) => {
      region = index;
      const [x, y, w, h] = (regions[index]?.dataset.box ?? `0 0 ${width} ${height}`).split(" ").map(Number);
      const zoom = Math.min(width / w, height / h);
      Object.assign(view, { zoom, x: (0.5 - (x + w / 2) / width) * zoom, y: (0.5 - (y + h / 2) / height) * zoom });
      apply();
      press(".region", (button) => button === regions[index]);
    };
    for (const [index, button] of regions.entries())
      button.addEventListener("click", () => goTo(region === index && view.zoom > 1 ? -1 : index));
    one(".whole", card)?.addEventListener("click", () => goTo(-1));

    const maps = all(".map-tab", card).map((tab) => tab.dataset.loss ?? "");
    const actions: Record<string, () => void> = {
      s: () => setMode("grid"),
      d: () => setMode("slide"),
      b: () => (card.dataset.mode === "blink" ? play() : setMode("blink")),
      e: () => setMap(maps[(maps.indexOf(card.dataset.map ?? "") + 1) % maps.length] ?? ""),
      r: () => goTo(region + 1 < regions.length ? region + 1 : -1),
      "+": () => zoomAt(2, 0, 0),
      "=": () => zoomAt(2, 0, 0),
      "-": () => zoomAt(0.5, 0, 0),
      ArrowLeft: () => show(current - 1),
      ArrowRight: () => show(current + 1),
    };
    keys.set(card, (key) => {
      const digit = /^\d$/.test(key) ? Number(key) : undefined;
      if (digit !== undefined) {
        if (digit >= tiles.length) return false;
        stop();
        setMode("blink");
        show(digit);
        return true;
      }
      if (key.startsWith("Arrow") && card.dataset.mode !== "blink") return false;
      const action = actions[key];
      action?.();
      return action !== undefined;
    });
  }

  // Keys are for the image under the pointer, or else the one with the focus.
  const cardOf = () => one(".image:hover") ?? document.activeElement?.closest<HTMLElement>(".image");
  const isTyping = () => document.activeElement?.matches("select, input") === true;
  const flip = (on: boolean) => {
    for (const card of all(".image")) {
      const isFlipped = on && card === cardOf();
      const target = one<HTMLImageElement>(".tile.target img", card)?.src;
      if (isFlipped && !card.style.getPropertyValue("--target")) card.style.setProperty("--target", `url("${target}")`);
      card.classList.toggle("flipped", isFlipped);
    }
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping()) return;
    if (event.key === "Escape") {
      leaveEnlarged();
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "f") return flip(true);
    const card = cardOf();
    if (card && keys.get(card)?.(key)) event.preventDefault();
  });
  document.addEventListener("keyup", (event) => event.key.toLowerCase() === "f" && flip(false));
  addEventListener("blur", () => flip(false));
  document.documentElement.classList.add("ready");
}
