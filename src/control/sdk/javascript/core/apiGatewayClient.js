var apiGateway = apiGateway || {};
apiGateway.core = apiGateway.core || {};
apiGateway.core.apiGatewayClientFactory = {};

/* Signs requests if it is told to (`AWS_IAM`), and adds what a call has beyond the modelled parameters. */
apiGateway.core.apiGatewayClientFactory.newClient = function (simpleHttpClientConfig, sigV4ClientConfig) {
    'use strict';
    var utils = apiGateway.core.utils;
    var simpleHttpClient = apiGateway.core.simpleHttpClientFactory.newClient(simpleHttpClientConfig);
    var sigV4Client = apiGateway.core.sigV4ClientFactory.newClient(sigV4ClientConfig);
    var client = {};

    client.makeRequest = function (request, authType, additionalParams, apiKey) {
        var additional = additionalParams || {};
        var whole = utils.copy(request);
        whole.headers = utils.mergeInto(request.headers, additional.headers);
        whole.queryParams = utils.mergeInto(request.queryParams, additional.queryParams);
        if (apiKey !== undefined && apiKey !== '' && apiKey !== null) {
            whole.headers['x-api-key'] = apiKey;
        }
        var body = whole.body;
        // Nothing, and what has nothing in it, is not sent.
        var plain = Object.prototype.toString.call(body) === '[object Object]';
        if (body === '' || body === null || (plain && Object.keys(body).length === 0)) {
            whole.body = undefined;
        }
        return (authType === 'AWS_IAM' ? sigV4Client : simpleHttpClient).makeRequest(whole);
    };
    return client;
};
