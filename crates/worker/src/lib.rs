//! cofferdam-worker
