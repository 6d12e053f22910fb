//! Tests of the whole, as its users see it: the console in a browser (`tests/console`), and the weather example (`tests/weather_dag.rs`).
//!
//! The tests of the console need Chromium (`COFFERDAM_CHROMIUM`, or on the path) and a built console (`cargo xtask ui`). A test that
//! fails says where it left a picture of the page.
