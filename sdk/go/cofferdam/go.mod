module cofferdam.example/cofferdam

go 1.24
