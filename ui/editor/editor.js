// The text editor of the console: CodeMirror with what a dag's definition needs. The console mounts it and tells it what to show; it
// knows nothing of the server.

/*! Contains CodeMirror and Lezer (https://codemirror.net, https://lezer.codemirror.net), crelt, style-mod, w3c-keyname and
@marijn/find-cluster-break.

MIT License

Copyright (C) 2018-2021 by Marijn Haverbeke <marijn@haverbeke.berlin> and others

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in
all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN
THE SOFTWARE.
*/

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, startCompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { unifiedMergeView } from "@codemirror/merge";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--code-key)" },
  { tag: [tags.string, tags.special(tags.string), tags.content, tags.attributeValue], color: "var(--code-string)" },
  { tag: [tags.number], color: "var(--code-number)" },
  { tag: [tags.bool, tags.null, tags.keyword, tags.labelName, tags.typeName], color: "var(--code-word)" },
  { tag: [tags.comment, tags.lineComment], color: "var(--code-comment)", fontStyle: "italic" },
  { tag: [tags.punctuation, tags.separator, tags.brace, tags.squareBracket], color: "var(--ink-3)" },
]);

const look = EditorView.theme({
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "var(--surface)", fontSize: "var(--text-sm)" },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6", fontVariantLigatures: "none" },
  ".cm-content": { caretColor: "var(--ink)", padding: "8px 0" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "color-mix(in srgb, var(--accent) 26%, transparent)",
  },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--ink-3)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--accent) 6%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent) 10%, transparent)", color: "var(--ink)" },
  ".cm-selectionMatch": { backgroundColor: "color-mix(in srgb, var(--accent) 14%, transparent)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "color-mix(in srgb, var(--st-success) 22%, transparent)" },
  ".cm-tooltip": {
    backgroundColor: "var(--raised)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "var(--radius)",
    boxShadow: "var(--shadow-l)", overflow: "hidden",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "16em" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 10px", display: "flex", gap: "14px", alignItems: "baseline" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { background: "var(--accent-fill)", color: "var(--on-accent)" },
  ".cm-completionDetail": { marginLeft: "auto", color: "var(--ink-3)", fontStyle: "normal", fontFamily: "var(--sans)" },
  "li[aria-selected] .cm-completionDetail": { color: "var(--on-accent)" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
  ".cm-tooltip.cm-completionInfo": { padding: "8px 11px", maxWidth: "360px", lineHeight: "1.5" },
  ".cm-diagnostic": { padding: "7px 12px", fontFamily: "var(--sans)", lineHeight: "1.5", maxWidth: "68ch" },
  ".cm-diagnostic-error": { borderLeft: "4px solid var(--st-failed)" },
  ".cm-diagnostic-warning": { borderLeft: "4px solid var(--st-retry)" },
  ".cm-diagnostic-info": { borderLeft: "4px solid var(--accent)" },
  ".cm-diagnosticAction": { backgroundColor: "var(--accent-fill)", color: "var(--on-accent)", borderRadius: "var(--radius-s)", padding: "2px 8px" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--st-failed) 1.2px", textUnderlineOffset: "3px" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--st-retry) 1.2px", textUnderlineOffset: "3px" },
  ".cm-lintRange-info": { backgroundImage: "none", textDecoration: "underline dotted var(--accent) 1.4px", textUnderlineOffset: "3px" },
  ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--ink)", borderColor: "var(--line)" },
  ".cm-panels input, .cm-panels button": { font: "inherit", color: "inherit", background: "var(--surface)", borderColor: "var(--line-strong)" },
  ".cm-foldPlaceholder": { background: "var(--sunken)", color: "var(--ink-2)", borderColor: "var(--line)" },
  ".cm-changedLine": { backgroundColor: "color-mix(in srgb, var(--st-success) 11%, transparent)" },
  "&.cm-merge-b .cm-changedText": { background: "color-mix(in srgb, var(--st-success) 26%, transparent)" },
  ".cm-deletedChunk": { backgroundColor: "color-mix(in srgb, var(--st-failed) 10%, transparent)", paddingLeft: "6px" },
  ".cm-deletedChunk .cm-deletedText": { background: "color-mix(in srgb, var(--st-failed) 24%, transparent)" },
  ".cm-changedLineGutter": { background: "var(--st-success)" },
});

/** The place of a line and column (both from 1, columns in characters) in the text. */
function place(doc, line, column) {
  if (line > doc.lines) return doc.length;
  const at = doc.line(Math.max(1, line));
  let offset = 0;
  for (const character of at.text) {
    if (--column < 1) break;
    offset += character.length;
  }
  return at.from + offset;
}

/** A stretch of the text. An empty one is widened to a character, so that it can be seen. */
function stretch(doc, span) {
  const from = place(doc, span.line, span.column);
  const to = Math.max(from, place(doc, span.end_line, span.end_column));
  if (to > from) return { from, to };
  return to < doc.lineAt(from).to ? { from, to: to + 1 } : { from: Math.max(doc.lineAt(from).from, from - 1), to };
}

/** The message as text in the page, with what is said of it below. */
function message(problem) {
  const box = document.createElement("div");
  const add = (text, style) => {
    const line = box.appendChild(document.createElement("div"));
    line.textContent = text;
    line.style.cssText = style;
  };
  add(problem.message, "font-weight:560");
  for (const text of problem.notes) add(text, "");
  if (problem.help) add(problem.help, "color:var(--ink-2)");
  if (problem.code) add(problem.code, "color:var(--ink-3);font-family:var(--mono);font-size:11px");
  return box;
}

/** What CodeMirror shows of a problem. */
function shown(doc, problem) {
  const fix = problem.fix;
  return {
    ...stretch(doc, problem),
    severity: problem.severity,
    message: problem.message,
    renderMessage: () => message(problem),
    actions: fix && [{
      name: fix.name,
      apply: (view) => {
        const { from, to } = stretch(view.state.doc, fix);
        const quote = /^["']/.exec(view.state.sliceDoc(from, to))?.[0] ?? "";
        view.dispatch({ changes: { from, to, insert: quote + fix.insert + quote }, userEvent: "input.complete" });
      },
    }],
  };
}

const isJson = (doc) => /^\s*[{[]/.test(doc.sliceString(0, 200));

/**
 * Puts an editor into `parent`.
 *
 * `label` names it for those who cannot see, `help` is the id of an element that says how to leave it; `changed` is called with the text
 * after each change, `apply` on Ctrl+Enter and Ctrl+S, `complete` with the text before and after the cursor, for a promise of what could
 * be written there, as JSON.
 */
export function mount(parent, { text, label, help, changed, apply, complete }) {
  const language = new Compartment();
  const comparison = new Compartment();
  let spoken = isJson(EditorState.create({ doc: text }).doc);

  const source = async (context) => {
    const { state, pos, explicit } = context;
    const answer = await complete(state.sliceDoc(0, pos), state.sliceDoc(pos), explicit);
    const found = answer && JSON.parse(answer);
    if (!found || !found.options.length || context.aborted) return null;
    return {
      from: pos - found.back,
      validFor: /^[\w$.@/#:~-]*$/,
      options: found.options.map((option) => ({
        label: option.label,
        detail: option.detail,
        info: option.info || undefined,
        boost: option.boost,
        apply: (view, _, from, to) => {
          view.dispatch({
            changes: { from, to, insert: option.insert },
            selection: { anchor: from + option.insert.length },
            userEvent: "input.complete",
          });
          if (option.more) startCompletion(view);
        },
      })),
    };
  };

  const run = () => (apply(), true);
  const view = new EditorView({
    parent,
    doc: text,
    extensions: [
      Prec.highest(keymap.of([{ key: "Mod-Enter", run }, { key: "Mod-s", run }])),
      lineNumbers(), foldGutter(), lintGutter(), highlightActiveLine(), highlightActiveLineGutter(),
      history(), drawSelection(), indentOnInput(), bracketMatching(), closeBrackets(), highlightSelectionMatches(),
      indentUnit.of("  "), EditorState.tabSize.of(2),
      autocompletion({ override: [source], icons: false, activateOnTypingDelay: 60 }),
      keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, ...lintKeymap, indentWithTab]),
      language.of(spoken ? json() : yaml()), comparison.of([]),
      syntaxHighlighting(colours), look,
      EditorView.contentAttributes.of({ tabindex: "0", "aria-label": label, "aria-describedby": help, spellcheck: "false" }),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        const now = isJson(update.state.doc);
        if (now !== spoken) {
          spoken = now;
          queueMicrotask(() => view.dispatch({ effects: language.reconfigure(spoken ? json() : yaml()) }));
        }
        changed(update.state.doc.toString());
      }),
    ],
  });

  return {
    /** Puts another text in place of this one; it can be undone. */
    replace: (text) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }),
    /** Shows what is wrong. They come as JSON, and stay at their words while one types. */
    show: (problems) => view.dispatch(setDiagnostics(view.state, JSON.parse(problems).map((problem) => shown(view.state.doc, problem)))),
    /** Puts the cursor there, where one can see it. */
    go: (line, column) => {
      const anchor = place(view.state.doc, line, column);
      view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
      view.focus();
    },
    /** Shows in the text what differs from `original`; with nothing, no longer. */
    compare: (original) => view.dispatch({
      effects: comparison.reconfigure(original == null ? [] : unifiedMergeView({ original, mergeControls: false, gutter: true })),
    }),
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}
