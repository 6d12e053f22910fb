package cofferdam

// Connection is how to reach something outside, as Airflow has it. What is nil is not set.
type Connection struct {
	// ID is its name.
	ID string
	// Type is what it leads to: http, postgres, and so on.
	Type string
	// Host is the host, without scheme and port.
	Host *string
	// Port is the port.
	Port *uint16
	// Login is the name to sign in with.
	Login *string
	// Password is the password or token.
	Password *string
	// Schema is the schema of a database; for http, mostly the scheme of the URL.
	Schema *string
	// Extra is everything else: a JSON object.
	Extra *string
}

// Variable is the value of a variable. It says whether there is such a variable; the grant must name it.
func Variable(key string) (string, bool, error) { return hostVariable(key) }

// GetConnection is a connection, or nil when there is no such connection; the grant must name it.
func GetConnection(id string) (*Connection, error) { return hostConnection(id) }
