//! The console of Cofferdam: a program for the browser that speaks to the public REST API and to nothing else.

mod app;
mod components;
mod core;
mod pages;

fn main() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(app::App);
}
