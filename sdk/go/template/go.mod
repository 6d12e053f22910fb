module {{name}}

go 1.24

require cofferdam.example/cofferdam v0.1.0

// The SDK is part of this project, so that nothing need be fetched.
replace cofferdam.example/cofferdam => ./cofferdam
