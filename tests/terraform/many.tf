# Many APIs of many methods: what is tried is that no call is throttled or fails, and that they stay cheap.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                  = "us-east-1"
  skip_metadata_api_check = true
  endpoints {
    apigateway = var.endpoint
    sts        = var.endpoint
  }
}

variable "endpoint" {
  type = string
}

variable "backend" {
  type = string
}

variable "apis" {
  type = number
}

variable "methods" {
  default = 30
}

locals {
  methods = { for pair in setproduct(range(var.apis), range(var.methods)) : "${pair[0]}/${pair[1]}" => pair }
}

resource "aws_api_gateway_rest_api" "this" {
  count = var.apis
  name  = "many-${count.index}"
}

resource "aws_api_gateway_resource" "this" {
  for_each    = local.methods
  rest_api_id = aws_api_gateway_rest_api.this[each.value[0]].id
  parent_id   = aws_api_gateway_rest_api.this[each.value[0]].root_resource_id
  path_part   = "item-${each.value[1]}"
}

resource "aws_api_gateway_method" "this" {
  for_each      = local.methods
  rest_api_id   = aws_api_gateway_resource.this[each.key].rest_api_id
  resource_id   = aws_api_gateway_resource.this[each.key].id
  http_method   = "GET"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "this" {
  for_each                = local.methods
  rest_api_id             = aws_api_gateway_method.this[each.key].rest_api_id
  resource_id             = aws_api_gateway_method.this[each.key].resource_id
  http_method             = "GET"
  type                    = "HTTP_PROXY"
  integration_http_method = "GET"
  uri                     = "http://${var.backend}/${each.key}"
}

resource "aws_api_gateway_deployment" "this" {
  count       = var.apis
  rest_api_id = aws_api_gateway_rest_api.this[count.index].id
  depends_on  = [aws_api_gateway_integration.this]
}

resource "aws_api_gateway_stage" "this" {
  count         = var.apis
  rest_api_id   = aws_api_gateway_rest_api.this[count.index].id
  deployment_id = aws_api_gateway_deployment.this[count.index].id
  stage_name    = "live"
}

output "apis" {
  value = aws_api_gateway_rest_api.this[*].id
}
