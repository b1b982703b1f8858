# One API of 30 methods. Each copy has a number of its own in its names: with one block for all of them Terraform would
# tie each method to the resources of all APIs, and do little else.

resource "aws_api_gateway_rest_api" "api_NUMBER" {
  name = "many-NUMBER"
}

resource "aws_api_gateway_resource" "api_NUMBER" {
  count       = 30
  rest_api_id = aws_api_gateway_rest_api.api_NUMBER.id
  parent_id   = aws_api_gateway_rest_api.api_NUMBER.root_resource_id
  path_part   = "item-${count.index}"
}

resource "aws_api_gateway_method" "api_NUMBER" {
  count         = 30
  rest_api_id   = aws_api_gateway_rest_api.api_NUMBER.id
  resource_id   = aws_api_gateway_resource.api_NUMBER[count.index].id
  http_method   = "GET"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "api_NUMBER" {
  count                   = 30
  rest_api_id             = aws_api_gateway_rest_api.api_NUMBER.id
  resource_id             = aws_api_gateway_method.api_NUMBER[count.index].resource_id
  http_method             = "GET"
  type                    = "HTTP_PROXY"
  integration_http_method = "GET"
  uri                     = "http://${var.backend}/NUMBER/${count.index}"
}

resource "aws_api_gateway_deployment" "api_NUMBER" {
  rest_api_id = aws_api_gateway_rest_api.api_NUMBER.id
  depends_on  = [aws_api_gateway_integration.api_NUMBER]
}

resource "aws_api_gateway_stage" "api_NUMBER" {
  rest_api_id   = aws_api_gateway_rest_api.api_NUMBER.id
  deployment_id = aws_api_gateway_deployment.api_NUMBER.id
  stage_name    = "live"
}

output "api_NUMBER" {
  value = aws_api_gateway_rest_api.api_NUMBER.id
}
