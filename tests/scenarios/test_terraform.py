"""Terraform with the AWS provider: a configuration applies, plans empty, changes, and destroys."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import KEY, SECRET, fetch

# Where providers lie on a disk: Terraform's own places, and those that images are prepared with.
MIRRORS = [
    *filter(None, [os.environ.get("TF_PLUGIN_CACHE_DIR")]),
    pathlib.Path.home() / ".terraform.d" / "plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    *sorted(pathlib.Path("/opt").glob("*")),
]
PROVIDER = "registry.terraform.io/hashicorp/aws"

CONFIGURATION = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                  = "us-east-1"
  access_key              = "%(key)s"
  secret_key              = "%(secret)s"
  skip_metadata_api_check = true
  endpoints {
    apigateway = "%(endpoint)s"
    sts        = "%(endpoint)s"
  }
}

variable "title" {
  default = "first"
}

resource "aws_api_gateway_rest_api" "pets" {
  name        = "terraform"
  description = var.title
  endpoint_configuration {
    types = ["REGIONAL"]
  }
  binary_media_types = ["image/png"]
}

resource "aws_api_gateway_resource" "pets" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  parent_id   = aws_api_gateway_rest_api.pets.root_resource_id
  path_part   = "pets"
}

resource "aws_api_gateway_resource" "pet" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  parent_id   = aws_api_gateway_resource.pets.id
  path_part   = "{petId}"
}

resource "aws_api_gateway_method" "pet" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  resource_id   = aws_api_gateway_resource.pet.id
  http_method   = "GET"
  authorization = "NONE"
  request_parameters = {
    "method.request.path.petId" = true
  }
}

resource "aws_api_gateway_integration" "pet" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_resource.pet.id
  http_method             = aws_api_gateway_method.pet.http_method
  type                    = "HTTP_PROXY"
  integration_http_method = "GET"
  uri                     = "http://%(backend)s/{petId}?title=${var.title}"
  timeout_milliseconds    = 5000
  request_parameters = {
    "integration.request.path.petId" = "method.request.path.petId"
  }
}

resource "aws_api_gateway_method" "options" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  resource_id   = aws_api_gateway_resource.pets.id
  http_method   = "OPTIONS"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "options" {
  rest_api_id       = aws_api_gateway_rest_api.pets.id
  resource_id       = aws_api_gateway_resource.pets.id
  http_method       = aws_api_gateway_method.options.http_method
  type              = "MOCK"
  request_templates = { "application/json" = "{\\"statusCode\\": 200}" }
}

resource "aws_api_gateway_method_response" "options" {
  rest_api_id         = aws_api_gateway_rest_api.pets.id
  resource_id         = aws_api_gateway_resource.pets.id
  http_method         = aws_api_gateway_method.options.http_method
  status_code         = "200"
  response_models     = { "application/json" = "Empty" }
  response_parameters = { "method.response.header.Access-Control-Allow-Origin" = true }
}

resource "aws_api_gateway_integration_response" "options" {
  rest_api_id         = aws_api_gateway_rest_api.pets.id
  resource_id         = aws_api_gateway_resource.pets.id
  http_method         = aws_api_gateway_method.options.http_method
  status_code         = aws_api_gateway_method_response.options.status_code
  response_parameters = { "method.response.header.Access-Control-Allow-Origin" = "'*'" }
  depends_on          = [aws_api_gateway_integration.options]
}

resource "aws_api_gateway_deployment" "pets" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  triggers    = { redeployment = sha1(jsonencode([aws_api_gateway_integration.pet.uri, aws_api_gateway_integration.options.id])) }
  lifecycle {
    create_before_destroy = true
  }
  depends_on = [aws_api_gateway_integration_response.options]
}

resource "aws_api_gateway_stage" "prod" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  deployment_id = aws_api_gateway_deployment.pets.id
  stage_name    = "prod"
  description   = "the stage"
  variables     = { shelf = "top" }
  tags          = { team = "pets" }
}

resource "aws_api_gateway_method_settings" "all" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  stage_name  = aws_api_gateway_stage.prod.stage_name
  method_path = "*/*"
  settings {
    metrics_enabled        = true
    throttling_rate_limit  = 100
    throttling_burst_limit = 50
  }
}

output "api" {
  value = aws_api_gateway_rest_api.pets.id
}
"""


def mirror():
    """A folder that holds the AWS provider, in the layout of a filesystem mirror."""
    return next((str(place) for place in MIRRORS if (pathlib.Path(place) / PROVIDER).is_dir()), None)


@pytest.fixture
def terraform(tmp_path, three, backend):
    program, providers = shutil.which("terraform"), mirror()
    if not program or not providers:
        pytest.skip("terraform, or its AWS provider on disk, is not on this machine")
    words = {"key": KEY, "secret": SECRET, "endpoint": three[0].admin, "backend": backend}
    (tmp_path / "main.tf").write_text(CONFIGURATION % words)
    settings = tmp_path / "terraform.rc"
    settings.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{providers}"\n  }}\n}}\n')
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": str(settings), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}

    def run(*words, codes=(0,)):
        done = subprocess.run(
            [program, *words, "-no-color"], cwd=tmp_path, env=environment, capture_output=True, text=True,
            timeout=300, check=False,
        )
        assert done.returncode in codes, f"terraform {words[0]}:\n{done.stdout}\n{done.stderr}"
        return done

    run("init", "-input=false")
    return run


def plan(terraform, *words):
    """0 where nothing is to be changed, 2 where something is."""
    return terraform("plan", "-input=false", "-detailed-exitcode", *words, codes=(0, 2))


def test_a_configuration_applies_plans_empty_changes_and_destroys(terraform, three):
    apply = lambda *words: terraform("apply", "-input=false", "-auto-approve", *words)
    apply()
    api = json.loads(terraform("output", "-json").stdout)["api"]["value"]
    answer = fetch(three[2].url(api, "prod", "/pets/7"))
    assert (answer.status, answer.json()["path"]) == (200, "/7?title=first")
    options = fetch(three[1].url(api, "prod", "/pets"), method="OPTIONS")
    assert (options.status, options.headers["Access-Control-Allow-Origin"]) == (200, "*")
    empty = plan(terraform)
    assert empty.returncode == 0, empty.stdout
    apply("-var", "title=second")
    assert fetch(three[1].url(api, "prod", "/pets/7")).json()["path"] == "/7?title=second"
    empty = plan(terraform, "-var", "title=second")
    assert empty.returncode == 0, empty.stdout
    terraform("destroy", "-input=false", "-auto-approve")
    assert fetch(three[0].url(api, "prod", "/pets/7")).status == 403
    assert api not in [item["id"] for item in three[1].client().get_rest_apis(limit=500)["items"]]
