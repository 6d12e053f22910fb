//! cofferdam-test-support
