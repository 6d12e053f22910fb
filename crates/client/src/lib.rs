//! cofferdam-client
