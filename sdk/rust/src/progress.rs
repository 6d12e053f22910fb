//! How far the task is, for those who watch.

/// Tells how much is done, from 0.0 to 1.0, and what is being done. Of many reports in a short time, the last is shown.
pub fn report(fraction: f64, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::cofferdam::task::progress::report(fraction, message);
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{:>3.0} % {message}", fraction * 100.0);
}
