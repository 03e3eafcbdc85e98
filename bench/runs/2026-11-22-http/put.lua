wrk.method="PUT"; wrk.body=string.rep("x",100)
