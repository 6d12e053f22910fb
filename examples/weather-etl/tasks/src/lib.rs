//! weather-etl-tasks
