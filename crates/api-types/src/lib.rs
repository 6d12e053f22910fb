//! cofferdam-api-types
