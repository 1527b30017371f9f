/** What the page of several methods gives its script. */
export interface MethodsData {
  /** Of each loss with maps: the top of the scale that all images share. */
  tops: Record<string, number>;
  /** By image: its name, and how far the methods differ by each loss. */
  images: { name: string; spread: Record<string, number> }[];
}

/**
 * The script of the page of several methods. Its source text is put into the page, so it may use nothing from outside itself.
 */
export function methodsClient(): void {
  const all = <E extends Element = HTMLElement>(selector: string, root: ParentNode = document) =>
    Array.from(root.querySelectorAll<E>(selector));
  const one = <E extends Element = HTMLElement>(selector: string, root: ParentNode = document) =>
    root.querySelector<E>(selector);
  const data = JSON.parse(one("#data")?.textContent ?? "{}") as MethodsData;

  // Light and dark.
  const root = document.documentElement;
  one("#theme")?.addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

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
  const number = (value: number) => {
    const short = String(Number(value.toPrecision(3)));
    return short.includes("e") ? value.toExponential(1) : short;
  };
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
    const sign = Number(first.dataset.sign);
    const zero = Number(first.dataset.zero);
    for (const [selector, text] of [
      [".bar-low", number(zero)],
      [".bar-high", `${sign === 1 ? "≥" : "≤"} ${number(zero + sign * top)}`],
    ]) {
      const label = one(selector, card);
      if (label) label.textContent = text;
    }
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
    const view = { zoom: 1, x: 0, y: 0, split: 50 };
    const apply = () => {
      const most = (view.zoom - 1) / 2;
      view.x = Math.min(most, Math.max(-most, view.x));
      view.y = Math.min(most, Math.max(-most, view.y));
      card.style.setProperty("--zoom", String(view.zoom));
      card.style.setProperty("--x", `${view.x * 100}%`);
      card.style.setProperty("--y", `${view.y * 100}%`);
      card.classList.toggle("zoomed", view.zoom > 1);
      card.classList.toggle("pixels", view.zoom >= 2);
    };
    const zoomAt = (factor: number, px: number, py: number) => {
      const zoom = Math.min(64, Math.max(1, view.zoom * factor));
      const ratio = zoom / view.zoom;
      Object.assign(view, { zoom, x: px - (px - view.x) * ratio, y: py - (py - view.y) * ratio });
      apply();
      press(".region", () => false);
    };
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
    one(".zoom-in", card)?.addEventListener("click", () => zoomAt(2, 0, 0));
    one(".zoom-out", card)?.addEventListener("click", () => zoomAt(0.5, 0, 0));
    one(".whole", card)?.addEventListener("click", () => goTo(-1));
    const enlarge = (large: boolean) => {
      card.classList.toggle("enlarged", large);
      document.body.classList.toggle("has-enlarged", large);
    };
    one(".large", card)?.addEventListener("click", () => enlarge(!card.classList.contains("enlarged")));

    const handle = one(".handle", card) as HTMLElement;
    const move = (split: number) => {
      view.split = Math.min(100, Math.max(0, split));
      card.style.setProperty("--split", `${view.split}%`);
      handle.setAttribute("aria-valuenow", String(Math.round(view.split)));
    };
    handle.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -2, ArrowRight: 2, Home: -100, End: 100 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      move(view.split + step);
    });
    for (const stage of all(".stage", card)) {
      const fraction = (event: MouseEvent) => {
        const { left, top, width, height } = stage.getBoundingClientRect();
        return [(event.clientX - left) / width - 0.5, (event.clientY - top) / height - 0.5] as const;
      };
      const slides = () => card.dataset.mode === "slide";
      stage.addEventListener(
        "wheel",
        (event) => {
          if (!event.ctrlKey && !event.metaKey && !card.classList.contains("enlarged")) return;
          event.preventDefault();
          zoomAt(1.0015 ** -event.deltaY, ...fraction(event));
        },
        { passive: false },
      );
      stage.addEventListener("dblclick", (event) => {
        if (view.zoom > 1) goTo(-1);
        else zoomAt(4, ...fraction(event));
      });
      let from: { x: number; y: number } | undefined;
      stage.addEventListener("pointerdown", (event) => {
        if (view.zoom === 1) return;
        from = { x: event.clientX, y: event.clientY };
        stage.setPointerCapture(event.pointerId);
      });
      stage.addEventListener("pointermove", (event) => {
        const [fx, fy] = fraction(event);
        // The same place in all of them.
        card.style.setProperty("--at-x", `${(fx + 0.5) * 100}%`);
        card.style.setProperty("--at-y", `${(fy + 0.5) * 100}%`);
        card.classList.add("pointed");
        if (from) {
          const { width, height } = stage.getBoundingClientRect();
          view.x += (event.clientX - from.x) / width;
          view.y += (event.clientY - from.y) / height;
          from = { x: event.clientX, y: event.clientY };
          apply();
        } else if (slides()) move((fx + 0.5) * 100);
      });
      stage.addEventListener("pointerleave", () => card.classList.remove("pointed"));
      for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => (from = undefined));
    }

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
      for (const card of all(".enlarged")) card.classList.remove("enlarged");
      document.body.classList.remove("has-enlarged");
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "f") return flip(true);
    const card = cardOf();
    if (card && keys.get(card)?.(key)) event.preventDefault();
  });
  document.addEventListener("keyup", (event) => event.key.toLowerCase() === "f" && flip(false));
  addEventListener("blur", () => flip(false));
  root.classList.add("ready");
}
