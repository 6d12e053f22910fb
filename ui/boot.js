// The theme that the person chose, before the first paint.
try {
  const theme = localStorage.getItem("cofferdam.theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {}
// The text editor is large, and fetched by the page that needs it.
globalThis.cofferdam = { editor: () => import("/{{editor}}") };
import init from "/{{script}}";
init({ module_or_path: "/{{wasm}}" });
