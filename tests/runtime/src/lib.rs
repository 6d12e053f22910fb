//! cofferdam-runtime-tests
