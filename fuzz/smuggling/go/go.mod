module linkerd.local/fuzz/smuggling

go 1.26.0
