//! cofferdam-api
