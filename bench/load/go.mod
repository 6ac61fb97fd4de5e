module messenger/bench/load

go 1.22
