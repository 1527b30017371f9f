import type { ClientParts } from "./client-parts.ts";

/** The data that the page gives its script. */
export interface PageData {
  /** 256 colours, red, green and blue in turn. */
  colours: number[];
  /** Of each loss with maps: the top of the scale that all pairs share. */
  tops: Record<string, number>;
  /** The name of every pair, and its badness by each loss, larger being worse; infinity and NaN as words. */
  pairs: { name: string; badness: Record<string, number | string> }[];
}

/**
 * The script of the page. Its source text is put into the page, so it may use nothing from
 * outside itself but the parts that it is given.
 */
export function client({
  all,
  one,
  dataOf,
  number,
  labelScale,
  fraction,
  slider,
  zoomable,
  leaveEnlarged,
}: ClientParts): void {
  const data = dataOf<PageData>();

  // Sorting: cards and rows of the table by the same key.
  const worst = (key: string) => (a: HTMLElement, b: HTMLElement) => {
    const [p, q] = [a, b].map((element) => data.pairs[Number(element.dataset.pair)]);
    if (key === "name") return p.name.localeCompare(q.name, "en", { numeric: true });
    const [x, y] = [p, q].map(({ badness }) => (badness[key] === undefined ? undefined : Number(badness[key])));
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
    // What is not a number is worst, and infinity minus infinity is no order.
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(y)) - Number(Number.isNaN(x));
    if (x === y) return 0;
    return x > y ? -1 : 1;
  };
  const sortBox = one<HTMLSelectElement>("#sort");
  const state = { key: sortBox?.value ?? "name", reversed: false };
  const sort = () => {
    const order = worst(state.key);
    for (const [list, selector] of [
      ["#pairs", ".pair"],
      ["#rows", "tr"],
    ]) {
      const parent = one(list);
      if (!parent) continue;
      const items = all(selector, parent).sort(order);
      parent.append(...(state.reversed ? items.reverse() : items));
    }
    for (const header of all("th[data-key]")) {
      const sorted = header.dataset.key === state.key;
      header.setAttribute("aria-sort", sorted ? (state.reversed ? "descending" : "ascending") : "none");
    }
    if (sortBox) sortBox.value = state.key;
    const reverse = one("#reverse");
    if (reverse)
      reverse.textContent =
        state.key === "name" ? (state.reversed ? "Z to A" : "A to Z") : state.reversed ? "best first" : "worst first";
  };
  /** Sorts the pairs by a loss, and shows its maps, where it has some. */
  const sortBy = (key: string, reversed: boolean) => {
    Object.assign(state, { key, reversed });
    sort();
    showMap(key);
  };
  sortBox?.addEventListener("change", () => sortBy(sortBox.value, false));
  one("#reverse")?.addEventListener("click", () => {
    state.reversed = !state.reversed;
    sort();
  });
  for (const header of all("th[data-key]")) {
    one("button", header)?.addEventListener("click", () => {
      sortBy(header.dataset.key ?? "name", state.key === header.dataset.key && !state.reversed);
    });
  }
  sort();

  // Pointing at a pair anywhere marks it everywhere.
  const marked = (event: Event, on: boolean) => {
    const pair = (event.target as Element | null)?.closest?.<HTMLElement>("[data-pair]")?.dataset.pair;
    if (pair === undefined) return;
    for (const element of all(`.dot[data-pair="${pair}"], tr[data-pair="${pair}"]`))
      element.classList.toggle("marked", on);
  };
  document.addEventListener("pointerover", (event) => marked(event, true));
  document.addEventListener("pointerout", (event) => marked(event, false));

  // Error maps.
  const scaleBox = one<HTMLInputElement>("#shared-scale");
  interface Levels {
    width: number;
    height: number;
    data: Uint8ClampedArray;
  }
  const decoded = new WeakMap<HTMLElement, Levels>();
  const levelsOf = async (image: HTMLImageElement): Promise<Levels> => {
    const known = decoded.get(image);
    if (known) return known;
    await image.decode();
    const { naturalWidth: width, naturalHeight: height } = image;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true }) as CanvasRenderingContext2D;
    context.drawImage(image, 0, 0);
    const levels = { width, height, data: context.getImageData(0, 0, width, height).data };
    decoded.set(image, levels);
    return levels;
  };
  /** The number at a level of a map, on the loss's own scale. */
  const valueAt = (map: HTMLElement, level: number) =>
    Number(map.dataset.zero) + Number(map.dataset.sign) * (level / 255) * Number(map.dataset.top);
  const paint = async (card: HTMLElement) => {
    const canvas = one<HTMLCanvasElement>("canvas", card);
    const map = one<HTMLImageElement>(`.levels[data-loss="${CSS.escape(card.dataset.loss ?? "")}"]`, card);
    if (!canvas || !map) return;
    const loss = map.dataset.loss ?? "";
    const shared = scaleBox?.checked !== false;
    const top = shared ? data.tops[loss] : Number(map.dataset.top);
    const levels = await levelsOf(map);
    const [bx, by] = (map.dataset.border ?? "0 0").split(" ").map(Number);
    const picture = new ImageData(levels.width, levels.height);
    const gain = top > 0 ? Number(map.dataset.top) / top : 0;
    for (let i = 0; i < picture.data.length; i += 4) {
      const colour = 3 * Math.round(levels.data[i] * gain);
      for (let channel = 0; channel < 3; channel++) picture.data[i + channel] = data.colours[colour + channel];
      picture.data[i + 3] = 255;
    }
    canvas.width = Math.round(levels.width / (1 - 2 * bx));
    canvas.height = Math.round(levels.height / (1 - 2 * by));
    const offset = [Math.round(canvas.width * bx), Math.round(canvas.height * by)];
    canvas.getContext("2d")?.putImageData(picture, offset[0], offset[1]);
    canvas.dataset.painted = loss;
    labelScale(card, map.dataset, top);
  };
  const visible = new Set<HTMLElement>();
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        const card = target as HTMLElement;
        if (isIntersecting) {
          visible.add(card);
          void paint(card);
        } else visible.delete(card);
      }
    },
    { rootMargin: "400px" },
  );
  const repaint = () => {
    for (const card of visible) void paint(card);
  };
  const showMap = (loss: string) => {
    for (const card of all(".pair")) {
      if (!one(`.levels[data-loss="${CSS.escape(loss)}"]`, card)) continue;
      card.dataset.loss = loss;
      for (const tab of all(".map-tab", card)) tab.setAttribute("aria-pressed", String(tab.dataset.loss === loss));
    }
    repaint();
  };
  scaleBox?.addEventListener("change", repaint);

  // Each card: slider, flip, zoom.
  for (const card of all(".pair")) {
    watcher.observe(card);
    for (const tab of all(".map-tab", card)) tab.addEventListener("click", () => showMap(tab.dataset.loss ?? ""));
    const stage = one(".compare .stage", card) as HTMLElement;
    const move = slider(one(".handle", card) as HTMLElement, stage);
    const setMode = (mode: string) => {
      stage.dataset.mode = mode;
      for (const button of all(".mode", card))
        button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    };
    for (const button of all(".mode", card))
      button.addEventListener("click", () => setMode(button.dataset.mode ?? "slide"));
    const follow = (event: PointerEvent) => move((fraction(event, stage)[0] + 0.5) * 100);
    const isSlider = () => !stage.dataset.mode || stage.dataset.mode === "slide";
    const { view } = zoomable(card, {
      most: 32,
      pixelated: 3,
      onDown: (event, each) => {
        if (each === stage && isSlider() && view.zoom === 1) follow(event);
      },
      onMove: (event, each, isDragged) => {
        if (each === stage && !isDragged) follow(event);
      },
    });

    // The number under the pointer.
    const canvas = one<HTMLCanvasElement>("canvas", card);
    const readout = one(".readout", card);
    if (canvas && readout) {
      const stageOfMap = canvas.closest(".stage") as HTMLElement;
      stageOfMap.addEventListener("pointermove", async (event) => {
        const map = one<HTMLImageElement>(`.levels[data-loss="${CSS.escape(card.dataset.loss ?? "")}"]`, card);
        if (!map) return;
        const levels = await levelsOf(map);
        const box = canvas.getBoundingClientRect();
        const scale = Math.min(box.width / canvas.width, box.height / canvas.height);
        const x = Math.floor((event.clientX - box.left - (box.width - canvas.width * scale) / 2) / scale);
        const y = Math.floor((event.clientY - box.top - (box.height - canvas.height * scale) / 2) / scale);
        const [column, row] = [
          x - Math.round((canvas.width - levels.width) / 2),
          y - Math.round((canvas.height - levels.height) / 2),
        ];
        const inside = column >= 0 && row >= 0 && column < levels.width && row < levels.height;
        const level = inside ? levels.data[4 * (row * levels.width + column)] : 0;
        readout.textContent = inside ? number(valueAt(map, level)) : "";
      });
      stageOfMap.addEventListener("pointerleave", () => (readout.textContent = ""));
    }
  }

  // F shows the target while it is held, for the card under the pointer or with the focus.
  const flip = (on: boolean) => {
    for (const card of all(".pair")) {
      card.classList.toggle("flipped", on && (card.matches(":hover") || card.contains(document.activeElement)));
    }
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.toLowerCase() === "f") flip(true);
    if (event.key === "Escape") leaveEnlarged();
  });
  document.addEventListener("keyup", (event) => event.key.toLowerCase() === "f" && flip(false));
  addEventListener("blur", () => flip(false));
  document.documentElement.classList.add("ready");
}
