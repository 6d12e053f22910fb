//! A text in Markdown.

use crate::components::code::Code;
use crate::core::highlight::Language;
use crate::core::markdown::{Block, Span, parse};
use leptos::prelude::*;

/// See the module.
#[component]
pub fn Markdown(
    /// The text.
    #[prop(into)]
    text: Signal<String>,
) -> impl IntoView {
    view! { <div class="markdown">{move || parse(&text.get()).into_iter().map(block).collect_view()}</div> }
}

fn block(block: Block) -> AnyView {
    match block {
        // The page has its own headings: those of the text come below them.
        Block::Heading(1, text) => view! { <h3 class="first">{spans(text)}</h3> }.into_any(),
        Block::Heading(2, text) => view! { <h4>{spans(text)}</h4> }.into_any(),
        Block::Heading(_, text) => view! { <h5>{spans(text)}</h5> }.into_any(),
        Block::Paragraph(text) => view! { <p>{spans(text)}</p> }.into_any(),
        Block::Quote(text) => view! { <blockquote>{spans(text)}</blockquote> }.into_any(),
        Block::Rule => view! { <hr/> }.into_any(),
        Block::List(true, items) => {
            view! { <ol>{items.into_iter().map(|item| view! { <li>{spans(item)}</li> }).collect_view()}</ol> }.into_any()
        }
        Block::List(false, items) => {
            view! { <ul>{items.into_iter().map(|item| view! { <li>{spans(item)}</li> }).collect_view()}</ul> }.into_any()
        }
        Block::Code(language, text) => {
            let language = Language::named(&language);
            view! { <Code text=Signal::stored(text) language label="Code" boxed=true/> }.into_any()
        }
    }
}

fn spans(spans: Vec<Span>) -> impl IntoView {
    spans
        .into_iter()
        .map(|span| match span {
            Span::Text(text) => text.into_any(),
            Span::Em(text) => view! { <em>{text}</em> }.into_any(),
            Span::Strong(text) => view! { <strong>{text}</strong> }.into_any(),
            Span::Code(text) => view! { <code>{text}</code> }.into_any(),
            Span::Link(text, to) => view! { <a href=to rel="noopener noreferrer nofollow">{text}</a> }.into_any(),
        })
        .collect_view()
}
