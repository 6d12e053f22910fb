// The theme that the person chose, before the first paint.
try {
  const theme = localStorage.getItem("cofferdam.theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {}
import init from "/{{script}}";
init({ module_or_path: "/{{wasm}}" });
