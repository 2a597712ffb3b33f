module linkerd.local/e2e/app

go 1.26.0
