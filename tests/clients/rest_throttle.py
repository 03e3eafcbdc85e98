"""The rate limit of the Django REST framework over Django's own Redis cache: five requests a minute, counted through two
application servers, of which the first one's node is killed in between."""
import os
import signal
import django
from django.conf import settings

nodes = os.environ["NODES"].split()
settings.configure(
    SECRET_KEY="a secret of the test",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["testserver"],
    INSTALLED_APPS=["rest_framework"],
    CACHES={
        name: {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": f"redis://{node}"}
        for name, node in zip(["default", "second"], nodes)
    },
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
        "DEFAULT_THROTTLE_RATES": {"anon": "5/min"},
    },
)
django.setup()
from redis.exceptions import ResponseError
from django.core.cache import caches
from django.test import Client
from django.urls import path
from rest_framework.response import Response
from rest_framework.throttling import AnonRateThrottle
from rest_framework.views import APIView


class Second(AnonRateThrottle):
    cache = caches["second"]


class View(APIView):
    throttle_classes = [AnonRateThrottle]

    def get(self, request):
        return Response("served")


class SecondView(View):
    throttle_classes = [Second]


urlpatterns = [path("first", View.as_view()), path("second", SecondView.as_view())]
client = Client()
ask = lambda where: client.get(f"/{where}").status_code
assert [ask("first") for _ in range(3)] == [200] * 3
os.kill(int(os.environ["KILL"]), signal.SIGKILL)
assert [ask("second") for _ in range(3)] == [200, 200, 429]

cache = caches["second"]
cache.set("a", 1, timeout=60)
cache.set("b", {"deep": [2]}, timeout=60)
assert cache.get_many(["a", "b", "c"]) == {"a": 1, "b": {"deep": [2]}}
assert cache.incr("a") == 2
assert cache.touch("a", 100) and cache.delete("a") and not cache.has_key("a")
try:
    cache.set_many({"a": 1}, timeout=60)
    raise AssertionError("Django writes these in a transaction, which is refused")
except ResponseError as error:
    assert "is not served" in str(error), error
