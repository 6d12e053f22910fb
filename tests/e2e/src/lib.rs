//! cofferdam-e2e-tests
