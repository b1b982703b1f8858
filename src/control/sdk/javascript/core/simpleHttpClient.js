var apiGateway = apiGateway || {};
apiGateway.core = apiGateway.core || {};
apiGateway.core.simpleHttpClientFactory = {};

/* Sends requests as they are; of `config` it needs `endpoint`, and knows `defaultContentType` and `defaultAcceptType`. */
apiGateway.core.simpleHttpClientFactory.newClient = function (config) {
    'use strict';
    var utils = apiGateway.core.utils;
    var client = { endpoint: utils.assertDefined(config.endpoint, 'endpoint') };

    client.makeRequest = function (request) {
        utils.assertDefined(request.verb, 'verb');
        utils.assertDefined(request.path, 'path');
        return axios({
            method: request.verb,
            url: config.endpoint + request.path + apiGateway.core.queryOf(request.queryParams),
            headers: apiGateway.core.headersOf(request, config),
            data: apiGateway.core.bodyOf(request)
        });
    };
    return client;
};
