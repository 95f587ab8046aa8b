"""Whoever generates a client: the OpenAPI document of a server is one.

    openapi.py BASE
"""

import json
import sys
import urllib.request

from openapi_spec_validator import OpenAPIV31SpecValidator


def main(base):
    with urllib.request.urlopen(f"{base}/openapi.json") as answer:
        document = json.load(answer)
    OpenAPIV31SpecValidator(document).validate()
    assert document["servers"] == [{"url": base}], document["servers"]
    assert "post" in document["paths"]["/{type}"], sorted(document["paths"])
    print(f"openapi: {len(document['paths'])} paths, valid")


if __name__ == "__main__":
    main(sys.argv[1])
