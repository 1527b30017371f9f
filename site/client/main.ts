import { offerSearch } from "./search.ts";

const { documentElement, body } = document;

function offerMenu(button: HTMLButtonElement): void {
  button.addEventListener("click", () => {
    const isOpen = body.classList.toggle("open");
    button.setAttribute("aria-expanded", String(isOpen));
  });
}

function offerColours(button: HTMLButtonElement): void {
  const isDark = () =>
    (documentElement.dataset.colours ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) ===
    "dark";
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => {
    documentElement.dataset.colours = isDark() ? "light" : "dark";
    localStorage.setItem("reconloss colours", documentElement.dataset.colours);
    show();
  });
  show();
}

function offerCopies(): void {
  for (const block of document.querySelectorAll(".code")) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Copy" });
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.querySelector("code")?.textContent ?? "");
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
    block.append(button);
  }
}

offerMenu(document.querySelector(".menu") as HTMLButtonElement);
offerColours(document.querySelector(".theme") as HTMLButtonElement);
offerSearch(document.querySelector(".search") as HTMLElement, body.dataset.base ?? "");
offerCopies();
document.querySelector("#navigation [aria-current]")?.scrollIntoView({ block: "center" });
