/** The parts that the scripts of all interactive pages share. */
export type ClientParts = ReturnType<typeof clientParts>;

/**
 * Makes the parts, and lets the button for light and dark work. Its source text is put into the page, so it may use
 * nothing from outside itself.
 */
export function clientParts() {
  const all = <E extends Element = HTMLElement>(selector: string, root: ParentNode = document) =>
    Array.from(root.querySelectorAll<E>(selector));
  const one = <E extends Element = HTMLElement>(selector: string, root: ParentNode = document) =>
    root.querySelector<E>(selector);
  /** The page's data, of the type that its script names. */
  const dataOf = <D>() => JSON.parse(one("#data")?.textContent ?? "{}") as D;

  const root = document.documentElement;
  one("#theme")?.addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  const number = (value: number) => {
    const short = String(Number(value.toPrecision(3)));
    return short.includes("e") ? value.toExponential(1) : short;
  };
  /** Writes the ends of a card's colour bar beside it: the value of a loss at an error of 0, and at one of `top`. */
  const labelScale = (card: HTMLElement, { zero, sign }: DOMStringMap, top: number) => {
    for (const [selector, text] of [
      [".bar-low", number(Number(zero))],
      [".bar-high", `${sign === "1" ? "≥" : "≤"} ${number(Number(zero) + Number(sign) * top)}`],
    ]) {
      const label = one(selector, card);
      if (label) label.textContent = text;
    }
  };

  /** A place in an element, in fractions of its sides from its middle. */
  const fraction = (event: MouseEvent, element: Element) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return [(event.clientX - left) / width - 0.5, (event.clientY - top) / height - 0.5] as const;
  };

  /** Lets keys move the handle of a slider, and returns what moves it to a percentage of the element's width. */
  const slider = (handle: HTMLElement, element: HTMLElement) => {
    let split = 50;
    const move = (to: number) => {
      split = Math.min(100, Math.max(0, to));
      element.style.setProperty("--split", `${split}%`);
      handle.setAttribute("aria-valuenow", String(Math.round(split)));
    };
    handle.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -2, ArrowRight: 2, Home: -100, End: 100 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      move(split + step);
    });
    return move;
  };

  interface Zooming {
    /** The largest zoom. */
    most: number;
    /** The zoom from which pixels are shown as squares. */
    pixelated: number;
    /** Called when the zoom was changed step by step. */
    onZoom?: () => void;
    /** Shows the whole image again. Default: steps back to it. */
    whole?: () => void;
    onDown?: (event: PointerEvent, stage: HTMLElement) => void;
    /** Called where the pointer moves, dragging or not. */
    onMove: (event: PointerEvent, stage: HTMLElement, isDragged: boolean) => void;
  }
  /** Zooms and moves all stages of a card together: by its buttons, the wheel, double clicks and dragging. */
  const zoomable = (card: HTMLElement, { most, pixelated, onZoom, whole, onDown, onMove }: Zooming) => {
    const view = { zoom: 1, x: 0, y: 0 };
    const apply = () => {
      const furthest = (view.zoom - 1) / 2;
      view.x = Math.min(furthest, Math.max(-furthest, view.x));
      view.y = Math.min(furthest, Math.max(-furthest, view.y));
      card.style.setProperty("--zoom", String(view.zoom));
      card.style.setProperty("--x", `${view.x * 100}%`);
      card.style.setProperty("--y", `${view.y * 100}%`);
      card.classList.toggle("zoomed", view.zoom > 1);
      card.classList.toggle("pixels", view.zoom >= pixelated);
    };
    /** Zooms so that the point under the pointer, in fractions of the stage from its middle, stays where it is. */
    const zoomAt = (factor: number, px: number, py: number) => {
      const zoom = Math.min(most, Math.max(1, view.zoom * factor));
      const ratio = zoom / view.zoom;
      Object.assign(view, { zoom, x: px - (px - view.x) * ratio, y: py - (py - view.y) * ratio });
      apply();
      onZoom?.();
    };
    one(".zoom-in", card)?.addEventListener("click", () => zoomAt(2, 0, 0));
    one(".zoom-out", card)?.addEventListener("click", () => zoomAt(0.5, 0, 0));
    one(".large", card)?.addEventListener("click", () => {
      const large = card.classList.toggle("enlarged");
      document.body.classList.toggle("has-enlarged", large);
    });
    for (const stage of all(".stage", card)) {
      stage.addEventListener(
        "wheel",
        (event) => {
          if (!event.ctrlKey && !event.metaKey && !card.classList.contains("enlarged")) return;
          event.preventDefault();
          zoomAt(1.0015 ** -event.deltaY, ...fraction(event, stage));
        },
        { passive: false },
      );
      stage.addEventListener("dblclick", (event) => {
        if (view.zoom === 1) zoomAt(4, ...fraction(event, stage));
        else if (whole) whole();
        else zoomAt(1 / view.zoom, 0, 0);
      });
      let from: { x: number; y: number } | undefined;
      stage.addEventListener("pointerdown", (event) => {
        onDown?.(event, stage);
        if (view.zoom === 1) return;
        from = { x: event.clientX, y: event.clientY };
        stage.setPointerCapture(event.pointerId);
      });
      stage.addEventListener("pointermove", (event) => {
        if (from) {
          const { width, height } = stage.getBoundingClientRect();
          view.x += (event.clientX - from.x) / width;
          view.y += (event.clientY - from.y) / height;
          from = { x: event.clientX, y: event.clientY };
          apply();
        }
        onMove(event, stage, from !== undefined);
      });
      for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => (from = undefined));
    }
    return { view, apply, zoomAt };
  };
  const leaveEnlarged = () => {
    for (const card of all(".enlarged")) card.classList.remove("enlarged");
    document.body.classList.remove("has-enlarged");
  };
  return { all, one, dataOf, number, labelScale, fraction, slider, zoomable, leaveEnlarged };
}
