# An API in front of a function, guarded by another one, with the permissions that both need.

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
    lambda     = var.endpoint
    sts        = var.endpoint
  }
}

variable "endpoint" {
  type = string
}

variable "backend" {
  type = string
}

variable "package" {
  default = "first.zip"
}

resource "aws_lambda_function" "pets" {
  function_name    = "terraform-pets"
  role             = "arn:aws:iam::000000000000:role/lambda"
  runtime          = "python3.12"
  handler          = "app.pets"
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
}

resource "aws_lambda_function" "guard" {
  function_name    = "terraform-guard"
  role             = "arn:aws:iam::000000000000:role/lambda"
  runtime          = "python3.12"
  handler          = "app.guard"
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
}

resource "aws_api_gateway_rest_api" "pets" {
  name = "terraform-lambda"
}

resource "aws_api_gateway_resource" "pets" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  parent_id   = aws_api_gateway_rest_api.pets.root_resource_id
  path_part   = "pets"
}

resource "aws_api_gateway_authorizer" "guard" {
  name           = "guard"
  rest_api_id    = aws_api_gateway_rest_api.pets.id
  authorizer_uri = aws_lambda_function.guard.invoke_arn
}

resource "aws_api_gateway_method" "pets" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  resource_id   = aws_api_gateway_resource.pets.id
  http_method   = "ANY"
  authorization = "CUSTOM"
  authorizer_id = aws_api_gateway_authorizer.guard.id
}

resource "aws_api_gateway_integration" "pets" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_resource.pets.id
  http_method             = aws_api_gateway_method.pets.http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_function.pets.invoke_arn
}

resource "aws_lambda_permission" "pets" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.pets.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.pets.execution_arn}/*/*/pets"
}

resource "aws_lambda_permission" "guard" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.guard.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.pets.execution_arn}/authorizers/${aws_api_gateway_authorizer.guard.id}"
}

resource "aws_api_gateway_deployment" "pets" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  depends_on  = [aws_api_gateway_integration.pets]
}

resource "aws_api_gateway_stage" "live" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  deployment_id = aws_api_gateway_deployment.pets.id
  stage_name    = "live"
}

output "api" {
  value = aws_api_gateway_rest_api.pets.id
}
