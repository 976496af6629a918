require('nowhere-to-be-found');
