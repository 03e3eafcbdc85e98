wrk.method="POST"; wrk.body='{"type":"GET","key":"k1"}'
